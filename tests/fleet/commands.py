"""What machines answer to the commands that kbootstrap sends: known by their forms, others are refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import shlex
from collections.abc import Awaitable, Callable

from kbootstrap.cluster.converge.hand_over import RESUME
from kbootstrap.distros.model import Role
from kbootstrap.distros.yaml_files import HEADER
from kbootstrap.hosts.model import Output
from tests.fleet import upkeep, world
from tests.fleet.artifacts import load, share, store
from tests.fleet.clock import EPOCH
from tests.fleet.machines import LEASE, PASSWORD, Machine
from tests.fleet.world import World, swept

TIMED_OUT = 124
_STAMP = (
    r"umask 077 && touch .*echo \"artifact (?P<sha>\w+) "
    r"\$\(stat -L -c %s (?P<at>\S+?)(?P<unpacked> 2>/dev/null \|\| echo unpacked)?\) "
    r"(?P<version>\S+) (?P<path>[^\"]+)\""
)
ROLES: tuple[Role, ...] = ("server", "agent")


def done(text: str = "", status: int = 0) -> Output:
    return Output(status, text, "")


class Shell:
    """The shell of one machine. `reads` marks commands that change nothing."""

    def __init__(self, world: World, machine: Machine) -> None:
        self.world, self.machine = world, machine

    @staticmethod
    def reads(command: str) -> bool:
        return (
            command.startswith(
                ("cat ", "journalctl", "systemctl show", "timeout 20 systemctl start", "act=", "targets=")
            )
            or "kbootstrap-facts-1" in command
            or "kbootstrap-promote:" in command
            or re.search(r"/v1-\w+/readyz", command) is not None
        )

    @staticmethod
    def stays(command: str) -> bool:
        """Return whether a command goes on until its session is closed: offer.sh."""
        return command.startswith("address=") and "\nfiles=" in command

    def run(self, command: str, stdin: bytes) -> Output | Awaitable[Output]:
        """Do a command; one that waits for a service is awaited."""
        if command in self._scripts():
            return self._scripts()[command]()
        for form, work in self._forms():
            if found := re.match(form, command, re.DOTALL):
                return work(found, stdin)
        if "kbootstrap-facts-1" in command:
            return done(self._facts())
        if "kbootstrap-maintain:" in command:
            return done(upkeep.maintain(self.world, self.machine, command))
        if "kbootstrap-hand-over:" in command or "kbootstrap-promote:" in command or command == RESUME:
            return done()
        if "kbootstrap-uninstall" in command:
            return self._uninstall(command)
        raise AssertionError(f"a machine of the fleet does not know this command: {command}")

    def _scripts(self) -> dict[str, Callable[[], Output]]:
        """The texts that the distribution itself wants to be run."""
        distro = self.machine.layout.distro
        after = distro.artifacts("", "amd64")[0].after
        return {text: work for text, work in ((after, self._unpack), (distro.halt, self._halt)) if text}

    def _unpack(self) -> Output:
        self.machine.unpack()
        return done()

    def _halt(self) -> Output:
        self.world.end_pods(self.machine)
        return done()

    def _forms(self) -> tuple[tuple[str, Callable[[re.Match[str], bytes], Output | Awaitable[Output]]], ...]:
        return (
            (r"cat (?P<path>\S+)$", self._cat),
            (r"address=(?P<address>\S+)\nport=\d+\nfiles='(?P<files>[^']*)'\n", self._offer),
            (
                r"address=(?P<address>\S+)\nport=\d+\nname=(?P<name>\S+)\nplace=(?P<place>\S+)\n",
                self._fetch,
            ),
            (r"targets='", lambda _found, _stdin: done()),
            (r"shared=", lambda found, _stdin: share(self.machine, self.world.shared, found.string)),
            (r"journalctl ", lambda _found, _stdin: done(self.machine.journal[-2000:])),
            (r"act=(?P<act>\w+)\nown=(?P<own>\S+)\nover=(?P<over>\S+)\nttl=(?P<ttl>\d+)\n", self._lease),
            (
                r"umask 077 && mkdir -p \S+ && touch \S+ && for line in (?P<lines>.*); do grep (?P<rest>.*)$",
                self._begin,
            ),
            (r"mkdir -p /run/kbootstrap && touch (?P<mark>/run/kbootstrap/restart)$", self._mark),
            (
                _STAMP,
                self._stamp,
            ),
            (r"mkdir -p \$\(dirname \S+\) && mv -f (?P<new>\S+) \S+ && mv -f \S+ (?P<path>\S+)$", self._move),
            (r"\S+(?: ctr|/ctr --address \S+) --namespace k8s.io images import (?P<path>\S+) ", self._import),
            (r"date \+%s; rm -f (?P<held>\S+);.*systemctl start --no-block (?P<unit>\S+) &&", self._start),
            (
                r"date \+%s; systemctl daemon-reload; timeout \d+ systemctl restart (?P<unit>\S+);",
                self._restart,
            ),
            (r"timeout (?P<seconds>\d+) systemctl start (?P<unit>\S+)$", self._wait),
            (r"systemctl show -p ActiveState ", self._activated),
            (r"\S+ etcd-snapshot save --name (?P<name>\S+)", self._snapshot),
            (r"systemctl enable --quiet (?P<unit>\S+)$", self._enable),
            (r"systemctl show -p NRestarts -p ActiveState -p SubState (?P<unit>\S+)$", self._show),
            (r"systemctl show -p MainPID --value ", self._main),
            (r"for _ in \$\(seq \d+\); do said=.*/v1-\w+/readyz", lambda _found, _stdin: done()),
            (r"\S+[ /]kubectl .* --server=https://(?P<host>[^:]+):\d+ .*/v1-\w+/readyz >", self._joins),
            (r"mkdir -p \$\(dirname (?P<held>\S+)\) && (?:printf|touch) ", self._hold),
            (r"systemctl disable --quiet (?P<unit>\S+); timeout \d+ systemctl stop", self._stop),
        )

    def _show(self, found: re.Match[str], _stdin: bytes) -> Output:
        role: Role = "server" if found["unit"] == self.machine.layout.distro.unit("server") else "agent"
        return done("\n".join(self._unit(role).split()[2:]) + "\n")

    def _main(self, _found: re.Match[str], _stdin: bytes) -> Output:
        return done("0\n1\n" if self.machine.alive else "0\n0\n")

    def _cat(self, found: re.Match[str], _stdin: bytes) -> Output:
        path = shlex.split(found["path"])[0]
        return done(self.machine.text(path)) if self.machine.has(path) else done(status=1)

    def _lease(self, found: re.Match[str], stdin: bytes) -> Output:
        """As lease.sh."""
        machine, own = self.machine, found["own"]
        uptime = int(self.world.now - machine.booted)
        kept = dict(line.split(" ", 1) for line in machine.text(LEASE).splitlines() if " " in line)
        renewed = kept.get("renewed", "")
        age = uptime - int(renewed) if renewed.isdigit() else int(found["ttl"])
        holder = kept.get("id", "")
        if holder and holder != own:
            free = age >= int(found["ttl"]) or holder == found["over"].strip("'")
            if found["act"] != "take" or not free:
                return done(machine.text(LEASE) + f"age {age}\n", 3)
        since = kept["since"] if holder == own else "2026-01-01 00:00:00"
        fields = stdin.decode().removesuffix("end\n")
        mark = "-" if found["act"] == "release" else str(uptime)
        machine.put(LEASE, f"id {own}\nrenewed {mark}\nsince {since}\n{fields}")
        return done(f"since {since}\n")

    def _offer(self, found: re.Match[str], stdin: bytes) -> Output:
        """As offer.sh; `_Host` of the desk keeps the session."""
        lines = [line.split(" ", 1) for line in found["files"].splitlines()]
        self.world.offers[found["address"]] = {"token": stdin.decode(), **dict(lines)}
        return done()

    def _fetch(self, found: re.Match[str], stdin: bytes) -> Output:
        """As fetch.sh; a machine that is gone, or has other files, offers nothing."""
        source = next((m for m in self.world.machines.values() if m.address == found["address"]), None)
        offer = self.world.offers.get(found["address"], {})
        path = offer.get(found["name"], "")
        if source is None or not source.well or path not in source.files or offer["token"] != stdin.decode():
            return done(status=1)
        self.machine.put(found["place"], source.files[path])
        return done("fetched\n")

    def _begin(self, found: re.Match[str], _stdin: bytes) -> Output:
        lines = self.machine.text(self.machine.paths.stamp).splitlines()
        lines += [line for line in shlex.split(found["lines"]) if line not in lines]
        self.machine.put(self.machine.paths.stamp, "".join(f"{line}\n" for line in lines))
        if marked := re.search(r"touch (/run/\S+)$", found["rest"]):
            self.machine.put(marked[1], "")
        return done()

    def _mark(self, found: re.Match[str], _stdin: bytes) -> Output:
        self.machine.put(found["mark"], "")
        return done()

    def _stamp(self, found: re.Match[str], _stdin: bytes) -> Output:
        place = shlex.split(found["at"])[0]
        there = self.machine.has(place)
        if not there and not found["unpacked"]:
            return done(f"stat: cannot stat {place}", 1)
        lines = [
            x
            for x in self.machine.text(self.machine.paths.stamp).splitlines()
            if not x.endswith(f" {found['path']}")
        ]
        size = len(self.machine.files[place]) if there else "unpacked"
        lines.append(f"artifact {found['sha']} {size} {found['version']} {found['path']}")
        self.machine.put(self.machine.paths.stamp, "".join(f"{line}\n" for line in lines))
        for path in re.findall(r" && rm -f (\S+)$", found.string):
            self.machine.remove(path)
        return done()

    def _move(self, found: re.Match[str], _stdin: bytes) -> Output:
        new = shlex.split(found["new"])[0]
        if new not in self.machine.files:
            return done(f"mv: cannot stat {new}", 1)
        self.machine.put(shlex.split(found["path"])[0], self.machine.files.pop(new))
        return done()

    def _import(self, found: re.Match[str], _stdin: bytes) -> Output:
        place = shlex.split(found["path"])[0]
        if self.machine.alive:
            load(self.machine, self.machine.files[place])
        self.machine.remove(place)
        return done()

    def _start(self, found: re.Match[str], _stdin: bytes) -> Output:
        for words in re.findall(r"rm -f ([^;&]+)", found.string):
            for path in words.split():
                self.machine.remove(path.rpartition("/")[0] if "system/" in path else path)
        self.machine.enabled.add(found["unit"])
        self.world.start(self.machine, found["unit"])
        return done(f"{self._epoch()}\n")

    async def _restart(self, found: re.Match[str], _stdin: bytes) -> Output:
        begun = self._epoch()
        self.world.stop(self.machine)
        self.world.start(self.machine, found["unit"])
        await self._until_active(20)  # one that takes longer goes on starting
        self.machine.remove("/run/kbootstrap/restart")
        return done(f"{begun}\n")

    async def _wait(self, found: re.Match[str], _stdin: bytes) -> Output:
        self.world.start(self.machine, found["unit"])
        return done(status=0 if await self._until_active(int(found["seconds"])) else TIMED_OUT)

    async def _until_active(self, seconds: int) -> bool:
        for _ in range(seconds * 4):
            if self._active() == "active":
                return True
            await asyncio.sleep(0.25)
        return False

    def _activated(self, _found: re.Match[str], _stdin: bytes) -> Output:
        process, uptime = self.machine.process, int(self.world.now - self.machine.booted)
        served = process.served_at if process and process.serving else 0.0
        entered = int((served - self.machine.booted) * 1e6) if served else 0
        lines = f"ActiveState={self._active()}\nActiveEnterTimestampMonotonic={entered}\nuptime={uptime}\n"
        return done(lines)

    def _snapshot(self, found: re.Match[str], _stdin: bytes) -> Output:
        process = self.machine.process
        if process is None or not process.serving:
            return done("connect: connection refused\n", 1)
        if self.world.now < process.served_at + world.REFUSES:
            return done("see server log for details: https://127.0.0.1:6443/db/snapshot: 500\n", 1)
        self.machine.put(f"{self.machine.paths.snapshots}/{found['name']}", "")
        return done()

    def _joins(self, found: re.Match[str], _stdin: bytes) -> Output:
        return done(status=0 if self.world.answering(found["host"]) else 1)

    def _enable(self, found: re.Match[str], _stdin: bytes) -> Output:
        self.machine.enabled.add(found["unit"])
        return done()

    def _hold(self, found: re.Match[str], _stdin: bytes) -> Output:
        self.machine.put(found["held"], "")
        return done()

    def _stop(self, found: re.Match[str], _stdin: bytes) -> Output:
        self.machine.enabled.discard(found["unit"])
        self.world.stop(self.machine)
        return done()

    def _uninstall(self, command: str) -> Output:
        """As uninstall.sh."""
        claim = re.search(r"^cluster (\S+)$", self.machine.text(self.machine.paths.stamp), re.MULTILINE)
        wanted = re.search(r"^cluster=(\S+)$", command, re.MULTILINE)
        if claim is None or wanted is None:
            return done("kbootstrap-uninstall unprovisioned\n")
        if claim[1] != wanted[1]:
            return done("kbootstrap-uninstall foreign\n")
        self.world.stop(self.machine)
        self.world.end_pods(self.machine)
        self.machine.enabled.clear()
        for line in self.machine.text(self.machine.paths.stamp).splitlines():
            self.machine.remove(line.split()[-1])
        self.machine.remove(*swept(self.machine))
        return done("kbootstrap-uninstall removed\n")

    # Facts

    def _epoch(self) -> int:
        return int(EPOCH + self.world.now)

    def _active(self) -> str:
        process = self.machine.process
        if process is None:
            return "inactive"
        server = process.unit == self.machine.layout.distro.unit("server")
        return "active" if process.serving or (not server and process.stage != "failed") else "activating"

    def _facts(self) -> str:
        lines = [*self._system(), *map(self._unit, ROLES), *self._installed(), *self._members()]
        return "\n".join(["begin kbootstrap-facts-1", *lines, "end kbootstrap-facts-1", ""])

    def _system(self) -> list[str]:
        return [
            f"epoch {self._epoch()}",
            f"uptime {int(self.world.now - self.machine.booted)}",
            "arch x86_64",
            "kernel 6.1.0",
            f"hostname {self.machine.name}",
            "os Debian GNU/Linux 12 (bookworm)",
            "cpus 2",
            "memory 4000",
            "swap 0",
            "disk-data 20000",
            "disk-binary 20000",
            "systemd yes",
            "cgroup-memory yes",
            "default-route yes",
        ]

    def _unit(self, role: Role) -> str:
        unit, machine = self.machine.layout.distro.unit(role), self.machine
        if not machine.has(f"/etc/systemd/system/{unit}"):
            return f"unit {unit} LoadState=not-found ActiveState=inactive SubState=dead NRestarts=0"
        mine = machine.process is not None and machine.process.unit == unit
        active = self._active() if mine else "inactive"
        sub = {"active": "running", "activating": "start"}.get(active, "dead")
        enabled = "enabled" if unit in machine.enabled else "disabled"
        since = int((machine.process.began - machine.booted) * 1e6) if mine and machine.process else 0
        return (
            f"unit {unit} LoadState=loaded ActiveState={active} SubState={sub} UnitFileState={enabled} "
            f"NRestarts={machine.restarts} ExecMainStartTimestampMonotonic={since}"
        )

    def _installed(self) -> list[str]:
        machine = self.machine
        lines = [
            f"trace {p}"
            for p in (
                machine.paths.binary,
                machine.paths.config,
                machine.paths.etcd,
                f"{machine.layout.data}/agent",
            )
            if machine.has(p)
        ]
        for line in machine.text(machine.paths.stamp).splitlines():
            kind, *words = line.split()
            if kind == "cluster":
                lines.append(f"claimed {words[0]}")
            elif kind == "artifact":
                size = str(len(machine.files.get(words[3], b"")))
                unpacked = words[1] == "unpacked" and machine.has(store(machine))
                intact = "yes" if size == words[1] or unpacked else "no"
                lines.append(f"artifact {words[0]} {words[2]} {intact} {words[3]}")
            elif machine.has(words[0]):
                lines += self._content(words[0])
        return lines

    def _content(self, path: str) -> list[str]:
        content = self.machine.files[path]
        lines = [f"file {hashlib.sha256(content).hexdigest()} {path}"]
        if content.startswith(HEADER[:24].encode()):
            lines.append(f"text {base64.b64encode(content).decode()} {path}")
        return lines

    def _members(self) -> list[str]:
        machine = self.machine
        lines = []
        if machine.has("/var/lib/kbootstrap/left"):
            lines.append("left yes")
        if machine.has("/run/kbootstrap/restart"):
            lines.append("restart-pending yes")
        if machine.has(LEASE):
            lines += [f"lease {line}" for line in machine.text(LEASE).splitlines()]
            lines.append(f"lease now {int(self.world.now - machine.booted)}")
        if machine.has(machine.paths.etcd):
            lines.append("etcd yes")
        known = _ca(machine.text(machine.paths.server_token))
        if not known and machine.has(machine.layout.ca):
            known = hashlib.sha256(machine.files[machine.layout.ca]).hexdigest()
        if known:
            lines.append(f"cluster-id {known}")
        token = machine.text(machine.paths.token)
        if token:
            lines.append(f"token full {_ca(token)}" if _ca(token) else "token short")
        if machine.text(machine.paths.agent_token):
            lines.append("agent-token yes")
        if machine.has(PASSWORD):
            lines.append("node-password yes")
        return [*lines, *upkeep.facts(machine, counted=False)]


def _ca(token: str) -> str:
    found = re.match(r"K10([0-9a-f]{64})", token)
    return found[1] if found else ""
