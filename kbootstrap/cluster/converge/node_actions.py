"""Actions on one machine: the commands and files behind the steps."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kbootstrap.cluster.converge.crash_loop import CrashLoop
from kbootstrap.cluster.converge.hand_over import RESUME
from kbootstrap.cluster.converge.relay import Fetch
from kbootstrap.cluster.converge.shared import SharedArtifact
from kbootstrap.cluster.deadlines import COMMAND, FAILURES, POLL, ROUND, SERVING, SNAPSHOT, STAGE, STEADY
from kbootstrap.cluster.observe import journal
from kbootstrap.cluster.observe.server_command import ask_server, refused
from kbootstrap.cluster.state.desired import DesiredCluster, LocalFile
from kbootstrap.cluster.state.unit import read_unit
from kbootstrap.cluster.steps.base import Step
from kbootstrap.cluster.steps.machine import Claim
from kbootstrap.cluster.steps.service import RestartService
from kbootstrap.core.errors import DeadlinePassed, InstallFailed, PrerequisiteMissing
from kbootstrap.core.redact import Redactor
from kbootstrap.distros.model import Artifact, Distribution
from kbootstrap.hosts.model import Host, Transferred

MARK = "/run/kbootstrap/restart"
"""Its presence means: configuration was changed while the service ran. A reboot removes it, rightly."""
NEXT = "/var/lib/kbootstrap/next"
"""Artifacts of another version wait in this folder until the service changes to them."""
LEFT = "/var/lib/kbootstrap/left"
"""Its presence means: this server was about to be removed from etcd (`rejoin.py`)."""
_TIMED_OUT = 124
"""Exit status of `timeout` when it ended the command."""


def held_file(unit: str) -> str:
    """Return the drop-in that prevents a unit from starting; a reboot removes it, as intended."""
    return f"/run/systemd/system/{unit}.d/90-kbootstrap-leaving.conf"


@dataclass(frozen=True, slots=True)
class NodeActions:
    """Carries out actions on the machine of `host`."""

    host: Host
    desired: DesiredCluster
    redactor: Redactor

    async def begin(self, steps: Sequence[Step]) -> None:
        """Record what will be changed, before any change: the claim, our files, a restart."""
        stamp = shlex.quote(self.desired.distro.paths.stamp)
        lines = [f"file {step.places}" for step in steps if step.places]
        if any(isinstance(step, Claim) for step in steps):
            lines.insert(0, f"cluster {self.desired.cluster}")
        commands = []
        if lines:
            folder = shlex.quote(str(PurePosixPath(self.desired.distro.paths.stamp).parent))
            command = f"umask 077 && mkdir -p {folder} && touch {stamp} && for line in "
            command += " ".join(shlex.quote(line) for line in lines)
            commands.append(f'{command}; do grep -qxF "$line" {stamp} || echo "$line" >> {stamp}; done')
        if any(isinstance(step, RestartService) for step in steps):
            commands.append(f"mkdir -p {PurePosixPath(MARK).parent} && touch {MARK}")
        if commands:
            await self.host.run(" && ".join(commands), deadline=COMMAND)

    async def stage(
        self,
        artifact: Artifact,
        version: str,
        artifacts: Mapping[str, LocalFile],
        *,
        aside: bool,
        fetch: Fetch | None = None,
        progress: Transferred | None = None,
    ) -> None:
        """Send an artifact, unless `fetch` gets it from another node, and record it in the stamp.

        Either way its checksum is verified on the machine.
        """
        local, place = _local(artifact, version, artifacts), staged_place(artifact, aside=aside)
        if not (fetch and await fetch(self.host, artifact.name, place, artifact.mode, local)):
            await self.host.put(local.path, place, mode=artifact.mode, deadline=STAGE, progress=progress)
        if not aside:
            if artifact.after:
                await self.host.run(artifact.after, deadline=STAGE)
            await self._stamp(artifact, local.sha256, version)

    async def place_shared(
        self, artifact: Artifact, version: str, artifacts: Mapping[str, LocalFile], *, aside: bool
    ) -> bool:
        """Use an artifact that the nodes of this machine share, if there is one with the same checksum.

        Returns whether there is. It is recorded, or waits `aside` until `swap`.
        """
        shared = self._shared(artifact, version, artifacts)
        if aside:
            return await shared.set_aside()
        placed = await shared.place()
        if placed:
            await self._stamp(artifact, shared.sha256, version, unpacked=True)
        return placed

    async def load_shared(self, artifact: Artifact, version: str, artifacts: Mapping[str, LocalFile]) -> bool:
        """Import the images of a shared archive that waits aside, as `preload` does.

        Returns whether one waits.
        """
        return await self._shared(artifact, version, artifacts).load()

    async def swap_shared(self, artifact: Artifact, version: str, artifacts: Mapping[str, LocalFile]) -> bool:
        """Use a shared artifact that waits aside, and record it; return whether one waits.

        It is recorded last: until then the next run sees another version, or a damaged file.
        """
        shared = self._shared(artifact, version, artifacts)
        done = await shared.swap()
        if done:
            await self._stamp(artifact, shared.sha256, version, unpacked=True)
        if done == "imported":
            await shared.release()
        return bool(done)

    async def preload(self, tarball: Path, *, required: bool = False) -> None:
        """Import the images of the next version: addons change before every node has changed.

        The service does the same when it starts, so a failure has no effect, unless it is `required` before
        that: then it raises `InstallFailed`. `tarball` is not compressed.
        """
        place = f"{NEXT}/{tarball.name}"
        await self.host.put(tarball, place, mode=0o600, deadline=STAGE)
        words = self.desired.distro.command("ctr", "--namespace", "k8s.io", "images", "import", place)
        command = f"{shlex.join(words)} >/dev/null 2>&1; status=$?; rm -f {shlex.quote(place)}; exit $status"
        done = await self.host.run(command, deadline=STAGE, check=False)
        if required and done.status != 0:
            raise InstallFailed(
                f"{self.host.name} could not import the images of {tarball}",
                hint="is it the archive of an image for the processor of the servers?",
                code="KB0824",
                host=self.host.name,
            )

    async def swap(
        self, changed: Collection[Artifact], version: str, artifacts: Mapping[str, LocalFile]
    ) -> None:
        """Move artifacts that were sent aside to their paths, and record them.

        The stamp is written first: a file that differs from its entry counts as damaged, and is sent again.
        """
        for artifact in changed:
            new, path = shlex.quote(f"{NEXT}/{artifact.name}"), shlex.quote(artifact.path)
            await self._stamp(
                artifact, artifacts[artifact.name].sha256, version, at=f"{NEXT}/{artifact.name}"
            )
            # A rename within one file system is done or not; the folders may be on different ones.
            await self.host.run(
                f"mkdir -p $(dirname {path}) && mv -f {new} {path}.part && mv -f {path}.part {path}",
                deadline=STAGE,
            )

    def _shared(self, artifact: Artifact, version: str, artifacts: Mapping[str, LocalFile]) -> SharedArtifact:
        sha256, aside = _local(artifact, version, artifacts).sha256, f"{NEXT}/{artifact.name}"
        return SharedArtifact(self.host, self.desired.distro, artifact, sha256, aside)

    async def _stamp(
        self, artifact: Artifact, sha256: str, version: str, *, at: str = "", unpacked: bool = False
    ) -> None:
        """Record an artifact at its path; `at` is its current path if it will be moved there.

        Of one that is at its path, an earlier copy that waits aside is removed. `unpacked`: it may have no
        file, as images in the store of the container runtime.
        """
        path = artifact.path
        stamp = shlex.quote(self.desired.distro.paths.stamp)
        size = f"stat -L -c %s {shlex.quote(at or path)}" + (
            " 2>/dev/null || echo unpacked" if unpacked else ""
        )
        line = f"artifact {sha256} $({size}) {version} {path}"
        await self.host.run(
            # Each step only after the one before: on a full disk the old stamp must stay, it holds the claim.
            f"umask 077 && touch {stamp} && (flock 9 && "
            f"{{ grep -v ' {path}$' {stamp} > {stamp}.new || [ $? = 1 ]; }} && "
            f'echo "{line}" >> {stamp}.new && mv {stamp}.new {stamp}) 9>> {stamp}.lock'
            + ("" if at else f" && rm -f {shlex.quote(f'{NEXT}/{artifact.name}')}"),
            deadline=COMMAND,
        )

    async def drop(self, path: str) -> None:
        """Remove an artifact, and then its entry in the stamp."""
        stamp, line = shlex.quote(self.desired.distro.paths.stamp), shlex.quote(f" {path}$")
        await self.host.run(
            f"umask 077 && rm -f {shlex.quote(path)} && (flock 9 && "
            f"{{ grep -v {line} {stamp} > {stamp}.new || [ $? = 1 ]; }} && mv {stamp}.new {stamp}) "
            f"9>> {stamp}.lock",
            deadline=COMMAND,
        )

    async def put(self, content: str, path: str, mode: int = 0o600) -> None:
        """Write a text, secret or not: it goes through stdin."""
        await self.host.put(content.encode(), path, mode=mode, deadline=COMMAND)

    async def start(self, unit: str) -> int:
        """Enable the unit and begin to start it; `serving` and `await_ready` wait for the result.

        Returns the time on the machine just before (epoch): older reports are of the previous process.
        """
        name = shlex.quote(unit)
        output = await self.host.run(
            f"date +%s; rm -f {shlex.quote(held_file(unit))}; "
            f"{{ systemctl reset-failed {name} 2>&1 || :; }} && "
            f"systemctl enable --quiet --no-reload {name} && systemctl daemon-reload && "
            f"systemctl start --no-block {name} && rm -f {MARK}",
            deadline=COMMAND,
        )
        return _first_number(output.stdout)

    async def restart(self, unit: str) -> int:
        """Restart the unit; one that takes longer continues to start. Returns as `start`.

        A server that has handed over takes connections again.
        """
        name = shlex.quote(unit)
        output = await self.host.run(
            "date +%s; systemctl daemon-reload; "
            f"timeout {ROUND} systemctl restart {name}; status=$?; rm -f {MARK}; {RESUME}; "
            f"[ $status = 0 ] || [ $status = {_TIMED_OUT} ]",
            deadline=COMMAND,
            check=False,
        )
        return _first_number(output.stdout)

    async def save_snapshot(self, name: str, waiting: Callable[[str], None]) -> None:
        """Save a snapshot of etcd in the folder where the service keeps its own.

        Raises `InstallFailed` (KB0708) where the server refuses it and does not become ready for it.
        """
        distro, host = self.desired.distro, self.host
        words = distro.command("etcd-snapshot", "save", "--name", name)
        command = f"{shlex.join(words)} 2>&1"
        output = await ask_server(host, command, distro.unit("server"), deadline=SNAPSHOT, waiting=waiting)
        if output.status != 0:
            raise refused(host, command, output, self.redactor)

    async def enable(self, unit: str) -> None:
        """Enable a unit that runs."""
        await self.host.run(f"systemctl enable --quiet {shlex.quote(unit)}", deadline=COMMAND)

    async def serving(self, unit: str, waiting: Callable[[str], None], *, looping: bool = False) -> None:
        """Wait until a server's unit is active: etcd voter and `/readyz` (see `distros/common.py`).

        `systemctl start` on the node waits for us, so nothing is polled. `waiting` is called in each round.
        `looping`: the unit is crash-looping already, so the next failure ends the wait.
        """
        begun, failures = time.monotonic(), 0
        loop = CrashLoop(begun)
        command = f"timeout {ROUND} systemctl start {shlex.quote(unit)}"
        if looping:
            await self.look(unit, loop)
        while True:
            left = SERVING - (time.monotonic() - begun)
            if left <= 0:
                text = f"{unit} has not become ready within {SERVING:.0f} s"
                raise await self.failed(unit, text, code="KB0815", kind=DeadlinePassed)
            output = await self.host.run(command, deadline=COMMAND, check=False)
            if output.status == 0:
                return
            await self.look(unit, loop)
            if output.status == _TIMED_OUT:
                waiting(f"{unit} is starting")
                continue
            failures += 1
            if failures >= FAILURES and time.monotonic() - begun > STEADY:
                raise await self.failed(unit, f"{unit} is crash-looping", code="KB0814")
            await asyncio.sleep(POLL)

    async def look(self, unit: str, loop: CrashLoop) -> None:
        """Raise `InstallFailed` (KB0814) when systemd has restarted the unit too often."""
        if text := await self.crash_looping(unit, loop):
            raise await self.failed(unit, text, code="KB0814")

    async def crash_looping(self, unit: str, loop: CrashLoop) -> str:
        """Return how often systemd has restarted the unit, as a message; nothing unless that is too often."""
        command = f"systemctl show -p NRestarts -p ActiveState -p SubState {shlex.quote(unit)}"
        said = (await self.host.run(command, deadline=COMMAND, check=False)).stdout
        state = read_unit(said.split())
        if not loop.look(state, time.monotonic()):
            return ""
        return f"{unit} is crash-looping: systemd has restarted it {state.restarts} times"

    async def trouble(self, unit: str, seconds: int) -> journal.Cause | None:
        """Return a known cause of failure from the unit's journal of the last seconds."""
        command = f"journalctl --no-pager -o cat --since=-{seconds}s -u {shlex.quote(unit)}"
        return journal.causes((await self.host.run(command, deadline=COMMAND, check=False)).stdout)

    async def failed(
        self, unit: str, text: str, *, code: str, kind: type[InstallFailed | DeadlinePassed] = InstallFailed
    ) -> Exception:
        """Return the error for a unit that failed, with the last lines of its journal."""
        return await journal.explain(kind, text, host=self.host, unit=unit, code=code, redactor=self.redactor)


def staged_place(artifact: Artifact, *, aside: bool) -> str:
    """Return the path to which an artifact is sent."""
    return f"{NEXT}/{artifact.name}" if aside else artifact.path


async def note_removed(host: Host) -> None:
    """Record on a server that it will be removed from etcd."""
    await host.run(f"mkdir -p $(dirname {LEFT}) && touch {LEFT}", deadline=COMMAND)


async def prevent_restart(host: Host, unit: str) -> None:
    """Prevent systemd from restarting a unit."""
    place = shlex.quote(held_file(unit))
    command = f"mkdir -p $(dirname {place}) && printf '[Service]\\nRestart=no\\n' > {place} && "
    await host.run(f"{command}systemctl daemon-reload", deadline=COMMAND)


async def stop_service(host: Host, unit: str, distro: Distribution) -> None:
    """Stop and disable a unit, and a control plane that goes on without it.

    It is killed if it does not stop: its machine will be removed.
    """
    name = shlex.quote(unit)
    command = f"systemctl disable --quiet {name}; timeout {ROUND} systemctl stop {name} || "
    command += f"systemctl kill --signal=KILL {name}; timeout {ROUND} sync || :"  # volumes go on
    await host.run(command, deadline=COMMAND)
    if distro.halt and unit == distro.unit("server"):
        await host.run(distro.halt, deadline=COMMAND)


def _local(artifact: Artifact, version: str, artifacts: Mapping[str, LocalFile]) -> LocalFile:
    local = artifacts.get(artifact.name)
    if local is None:
        raise PrerequisiteMissing(
            f"{artifact.name} of {version} is not on this machine",
            hint="kbootstrap artifacts pull",
            code="KB0819",
        )
    return local


def _first_number(said: str) -> int:
    word = said.strip().partition("\n")[0]
    return int(word) if word.isdigit() else 0
