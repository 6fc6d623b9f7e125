"""systemd of a simulated fleet: services and machines start, stop and fail."""

from __future__ import annotations

from tests.fleet.controllers import Controllers
from tests.fleet.machines import Machine, Process
from tests.fleet.timeline import Broken

AGAIN = 5.0
"""Seconds that systemd waits before it starts a service again."""
BOOTING = 40.0
"""Seconds from the end of a machine to its next start."""


class Systemd(Controllers):
    """Services and machines."""

    def start(self, machine: Machine, unit: str) -> None:
        if machine.process and machine.process.stage != "failed":
            return
        if f"/etc/systemd/system/{unit}" not in machine.files:
            raise Broken(f"{unit} is started on {machine.name} and does not exist")
        self.counter += 1
        machine.unpack()
        machine.process = Process(unit, self.counter, machine.version(), self.now)
        server = unit == machine.layout.distro.unit("server")
        self.later(1, "server" if server else "agent", machine.name, self.counter)

    def stop(self, machine: Machine) -> None:
        process, machine.process = machine.process, None
        if process:
            self._last_beat(machine, process)
            if process.etcd and machine.layout.outlives:
                machine.pods = process
            elif process.serving:
                self.bumpy = self.now + 1

    def _last_beat(self, machine: Machine, process: Process) -> None:
        node = self.cluster.nodes.get(machine.name) if self.cluster else None
        if node and process.registered and node.instance == machine.instance:
            self.refresh(node)

    def fail(self, machine: Machine, process: Process, why: str) -> None:
        """The service ends; systemd starts it again unless a drop-in forbids that."""
        machine.journal += f"{why}\n"
        process.stage, process.etcd, process.serving, process.registered = "failed", False, False, False
        machine.restarts += 1
        self.later(AGAIN, "again", machine.name, process.number)

    def again(self, name: str, number: int) -> None:
        machine = self.machines.get(name)
        if machine and machine.process and machine.process.number == number and machine.up:
            if machine.has(f"/run/systemd/system/{machine.process.unit}.d"):
                machine.process = None
            else:
                self.start(machine, machine.process.unit)

    def end_pods(self, machine: Machine) -> None:
        """The control plane that a service left ends."""
        if machine.pods and machine.pods.serving:
            self.bumpy = self.now + 1
        machine.pods = None

    def boot(self, machine: Machine) -> None:
        """The machine starts: what is enabled starts with it."""
        machine.up, machine.answers, machine.booted = True, True, self.now
        machine.process, machine.pods = None, None
        machine.run.clear()
        for unit in sorted(machine.enabled):
            self.start(machine, unit)

    def reboot(self, name: str, _number: int) -> None:
        """The machine stops, and starts again some time later."""
        machine = self.machines.get(name)
        if machine and machine.up:
            self.halt(machine, running=False)
            self.reboots.append((name, self.now))
            self.later(BOOTING, "starts", name)

    def starts(self, name: str, _number: int) -> None:
        machine = self.machines.get(name)
        if machine and not machine.up:
            self.boot(machine)

    def halt(self, machine: Machine, *, running: bool) -> None:
        """The machine falls silent; `running` is whether its processes live on, unreachable."""
        if machine.process:
            self._last_beat(machine, machine.process)
        machine.answers = False
        if not running:
            machine.up, machine.process, machine.pods = False, None, None

    def destroy(self, name: str) -> None:
        machine = self.machines.pop(name)
        if machine.process:
            self._last_beat(machine, machine.process)
