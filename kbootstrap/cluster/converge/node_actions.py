"""One step on one machine: the commands and files behind the data of `steps.py`."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kbootstrap.cluster.converge.crash_loop import CrashLoop
from kbootstrap.cluster.deadlines import COMMAND, FAILURES, POLL, ROUND, SERVING, SNAPSHOT, STAGE, STEADY
from kbootstrap.cluster.decide.steps import (
    Claim,
    MountVolume,
    RestartService,
    StageFile,
    Step,
    SwapFiles,
    WriteFile,
    WriteSecret,
)
from kbootstrap.cluster.observe import journal
from kbootstrap.cluster.state.model import LocalFile, Wanted, read_unit
from kbootstrap.core.errors import DeadlinePassed, InstallFailed, PrerequisiteMissing
from kbootstrap.core.redact import Redactor
from kbootstrap.distros.model import Artifact
from kbootstrap.hosts.model import Host, Transferred

MARK = "/run/kbootstrap/restart"
"""Its presence means: configuration was changed while the service ran. A reboot removes it, rightly."""
NEXT = "/var/lib/kbootstrap/next"
"""Artifacts of another version wait in this folder until the service changes to them."""
LEFT = "/var/lib/kbootstrap/left"
"""Its presence means: this server was about to be removed from etcd. Without its Node it was (`left.py`)."""
_TIMED_OUT = 124
"""Exit status of `timeout` when it ended the command."""


def held_file(unit: str) -> str:
    """Return the drop-in that keeps a unit from being started again; a reboot removes it, rightly."""
    return f"/run/systemd/system/{unit}.d/90-kbootstrap-leaving.conf"


@dataclass(frozen=True, slots=True)
class Hands:
    """Does steps on the machine of `host`."""

    host: Host
    wanted: Wanted
    redactor: Redactor

    async def begin(self, steps: Sequence[Step]) -> None:
        """Write down what will be changed, before anything is: the claim, our files, a restart."""
        stamp = shlex.quote(self.wanted.distro.paths.stamp)
        lines = [f"file {step.file.path}" for step in steps if isinstance(step, WriteFile | MountVolume)]
        secret = (step.path for step in steps if isinstance(step, WriteSecret))
        lines += [f"file {path}" for path in secret if path in self.wanted.private]
        if any(isinstance(step, Claim) for step in steps):
            lines.insert(0, f"cluster {self.wanted.cluster}")
        commands = []
        if lines:
            folder = shlex.quote(str(PurePosixPath(self.wanted.distro.paths.stamp).parent))
            command = f"umask 077 && mkdir -p {folder} && touch {stamp} && for line in "
            command += " ".join(shlex.quote(line) for line in lines)
            commands.append(f'{command}; do grep -qxF "$line" {stamp} || echo "$line" >> {stamp}; done')
        if any(isinstance(step, RestartService) for step in steps):
            commands.append(f"mkdir -p {PurePosixPath(MARK).parent} && touch {MARK}")
        if commands:
            await self.host.run(" && ".join(commands), deadline=COMMAND)

    async def stage(
        self, step: StageFile, artifacts: Mapping[str, LocalFile], progress: Transferred | None
    ) -> None:
        """Send an artifact (its checksum is verified by the transfer) and note it in the stamp."""
        local = artifacts.get(step.artifact.name)
        if local is None:
            raise PrerequisiteMissing(
                f"{step.artifact.name} of {step.version} is not on this machine",
                hint="kbootstrap artifacts pull",
                code="KB0819",
            )
        path = step.artifact.path
        place = f"{NEXT}/{step.artifact.name}" if step.aside else path
        await self.host.put(local.path, place, mode=step.artifact.mode, deadline=STAGE, progress=progress)
        if not step.aside:
            await self._stamp(step.artifact, local.sha256, step.version)

    async def preload(self, tarball: Path) -> None:
        """Give a node that runs the images of the next version: addons move before every node has changed.

        Only sooner than the service does it when it starts, so a failure is no matter. `tarball` is plain.
        """
        place = f"{NEXT}/{tarball.name}"
        await self.host.put(tarball, place, mode=0o600, deadline=STAGE)
        words = self.wanted.distro.command("ctr", "--namespace", "k8s.io", "images", "import", place)
        command = f"{shlex.join(words)} >/dev/null 2>&1; rm -f {shlex.quote(place)}"
        await self.host.run(command, deadline=STAGE, check=False)

    async def swap(self, step: SwapFiles, artifacts: Mapping[str, LocalFile]) -> None:
        """Put what was sent beside in its place, and note it. What is in place already stays.

        The stamp is written first: a file that it names and that is not as it says counts as damaged, and is
        sent again.
        """
        for artifact in step.artifacts:
            new, path = shlex.quote(f"{NEXT}/{artifact.name}"), shlex.quote(artifact.path)
            await self._stamp(
                artifact, artifacts[artifact.name].sha256, step.version, at=f"{NEXT}/{artifact.name}"
            )
            # A rename within one file system is done or not; the folders may be on different ones.
            await self.host.run(
                f"mkdir -p $(dirname {path}) && mv -f {new} {path}.part && mv -f {path}.part {path}",
                deadline=STAGE,
            )

    async def _stamp(self, artifact: Artifact, sha256: str, version: str, *, at: str = "") -> None:
        """Note an artifact that is in its place, or soon will be and is now `at` another one.

        With one that is in place, what an earlier run sent beside for it is of no use any more.
        """
        path = artifact.path
        stamp = shlex.quote(self.wanted.distro.paths.stamp)
        line = f"artifact {sha256} $(stat -c %s {shlex.quote(at or path)}) {version} {path}"
        await self.host.run(
            # Each step only after the one before: on a full disk the old stamp must stay, it holds the claim.
            f"umask 077 && touch {stamp} && (flock 9 && "
            f"{{ grep -v ' {path}$' {stamp} > {stamp}.new || [ $? = 1 ]; }} && "
            f'echo "{line}" >> {stamp}.new && mv {stamp}.new {stamp}) 9>> {stamp}.lock'
            + ("" if at else f" && rm -f {shlex.quote(f'{NEXT}/{artifact.name}')}"),
            deadline=COMMAND,
        )

    async def write(self, step: WriteFile) -> None:
        """Place a file of configuration."""
        await self.put(step.file.content, step.file.path, step.file.mode)

    async def put(self, content: str, path: str, mode: int = 0o600) -> None:
        """Place a text, secret or not: it goes through stdin."""
        await self.host.put(content.encode(), path, mode=mode, deadline=COMMAND)

    async def start(self, unit: str) -> int:
        """Enable the unit and begin to start it; how that goes is for whoever waits.

        Returns the time on the machine just before (epoch): what was said earlier is of an earlier life.
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
        """Restart the unit; one that takes its time goes on starting. Returns as `start`."""
        name = shlex.quote(unit)
        output = await self.host.run(
            "date +%s; systemctl daemon-reload; "
            f"timeout {ROUND} systemctl restart {name}; status=$?; rm -f {MARK}; "
            f"[ $status = 0 ] || [ $status = {_TIMED_OUT} ]",
            deadline=COMMAND,
            check=False,
        )
        return _first_number(output.stdout)

    async def save_snapshot(self, name: str) -> None:
        """Save a snapshot of etcd in the folder where the service keeps its own."""
        words = self.wanted.distro.command("etcd-snapshot", "save", "--name", name)
        await self.host.run(f"{shlex.join(words)} 2>&1", deadline=SNAPSHOT)

    async def enable(self, unit: str) -> None:
        """Enable a unit that runs."""
        await self.host.run(f"systemctl enable --quiet {shlex.quote(unit)}", deadline=COMMAND)

    async def serving(self, unit: str, waiting: Callable[[str], None], *, looping: bool = False) -> None:
        """Wait until a server's unit is active: etcd voter and `/readyz` (see `distros/common.py`).

        `systemctl start` on the node waits for us, so that nothing is polled. `waiting` hears of each round.
        `looping`: the unit has failed again and again, so the next failure ends the wait.
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
                raise await self.failed(unit, f"{unit} fails again and again", code="KB0814")
            await asyncio.sleep(POLL)

    async def look(self, unit: str, loop: CrashLoop) -> None:
        """Raise `InstallFailed` (KB0814) when systemd has restarted the unit too often."""
        command = f"systemctl show -p NRestarts -p ActiveState -p SubState {shlex.quote(unit)}"
        said = (await self.host.run(command, deadline=COMMAND, check=False)).stdout
        state = read_unit(said.split())
        if loop.look(state, time.monotonic()):
            text = f"{unit} fails again and again: systemd has restarted it {state.restarts} times"
            raise await self.failed(unit, text, code="KB0814")

    async def trouble(self, unit: str, seconds: int) -> journal.Cause | None:
        """Return a known cause of failure that the unit named in the last seconds."""
        command = f"journalctl --no-pager -o cat --since=-{seconds}s -u {shlex.quote(unit)}"
        return journal.causes((await self.host.run(command, deadline=COMMAND, check=False)).stdout)

    async def failed(
        self, unit: str, text: str, *, code: str, kind: type[InstallFailed | DeadlinePassed] = InstallFailed
    ) -> Exception:
        """Make the error for a unit that does not do what it should, with its last words."""
        return await journal.explain(kind, text, host=self.host, unit=unit, code=code, redactor=self.redactor)


def _first_number(said: str) -> int:
    word = said.strip().partition("\n")[0]
    return int(word) if word.isdigit() else 0
