"""Runs one command of OpenTofu or Terraform in a root: its arguments, its events, its errors."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

from kbootstrap.core.errors import DeadlinePassed, KbootstrapError
from kbootstrap.core.events import Emit, nowhere
from kbootstrap.core.hints import Hint
from kbootstrap.core.process import Finished, Runner
from kbootstrap.core.redact import Redactor
from kbootstrap.render.provenance import NOWHERE, Provenance
from kbootstrap.render.traits import NO_TRAITS, ResourceTraits
from kbootstrap.tofu.arguments import FLAG, build
from kbootstrap.tofu.diagnostics import read_text
from kbootstrap.tofu.failure import failure
from kbootstrap.tofu.find import Binary
from kbootstrap.tofu.follow import followed, redirected
from kbootstrap.tofu.settle import LOCK_WAIT, settled
from kbootstrap.tofu.stream import OnCreated, Stream, unheard

_GRACE = 60.0
"""Seconds that a stopped tofu gets to end its requests and save the state."""
_PATIENCE = {"apply": 1800.0, "destroy": 1800.0}
"""The same for verbs that create or delete resources. A stopped tofu first finishes what it is creating, as
long as the cloud takes (a machine of the OpenStack provider: up to 30 minutes). If it is killed before that,
the resource exists and is in no state."""
PLAN_FILE = "kbootstrap.tfplan"
"""The plan of the current run, in the root."""


@dataclass(frozen=True, kw_only=True)
class Commands:
    """Commands in `root`.

    `env` comes from `environment()`. `emit` gets live events, `redactor` masks secrets in all text,
    `provenance` leads errors to the spec, `hints` explain errors of the provider, and `traits` describe its
    resources. `lock_wait` is the number of seconds to wait for another run to release the state.

    All calls raise `TofuFailed` with diagnostics, or `Locked`, `CredentialsRefused` and `PrerequisiteMissing`
    where the failure is known to be one of these; `DeadlinePassed`; and `Interrupted` when another process
    stopped tofu. When the caller is cancelled, the cancellation continues after tofu has ended.
    """

    root: Path
    binary: Binary
    runner: Runner
    env: Mapping[str, str]
    cluster: str
    redactor: Redactor
    emit: Emit = nowhere
    provenance: Provenance = NOWHERE
    hints: tuple[Hint, ...] = ()
    traits: ResourceTraits = NO_TRAITS
    lock_wait: int = LOCK_WAIT

    @property
    def planfile(self) -> Path:
        """The file of this run's plan."""
        return self.root / PLAN_FILE

    async def settled(self) -> None:
        """Wait until no other run of this machine works in the root; raises as `settle.settled`."""
        await settled(self.root, self.lock_wait, self.cluster, self.emit)

    @property
    def lock_timeout(self) -> str:
        """The value of `-lock-timeout`."""
        return f"{self.lock_wait}s"

    def command(self, verb: str, *arguments: str, **options: Any) -> list[str]:  # noqa: ANN401 (as `build`)
        """Return the command line of a subcommand."""
        return build(self.binary.path, verb, *arguments, no_color=FLAG, **options)

    async def run(
        self, command: Sequence[str], deadline: float, stream: Stream, grace: float = _GRACE
    ) -> Finished:
        """Run a command in the root; `stream` gets its output, `grace` is its time to stop when cancelled."""
        return await self.runner.run(
            command,
            deadline=deadline,
            cwd=self.root,
            env=self.env,
            on_line=stream.line,
            on_error_line=stream.other,
            grace=grace,
            check=False,
        )

    async def stream_events(
        self,
        verb: str,
        aim: str,
        deadline: float,
        *arguments: str,
        on_created: OnCreated = unheard,
        fine: Collection[int] = (0,),
        **options: Any,  # noqa: ANN401 (as `build`)
    ) -> int:
        """Run a command that prints JSON lines, report them as events, and return its status: one of `fine`.

        `aim` completes "could not … cluster NAME" in errors.
        """
        await self.settled()
        stream = Stream(self.cluster, self.emit, self.redactor, on_created)
        out = self.root / ".terraform" / f"kbootstrap-{verb}.log"
        command = redirected(self.command(verb, *arguments, json=FLAG, **options), out)
        try:
            async with followed(out, stream.line):
                done = await self.run(command, deadline, stream, _PATIENCE.get(verb, _GRACE))
        except DeadlinePassed as error:
            raise DeadlinePassed(
                f"{self.binary.product} did not {aim} cluster {self.cluster} within {deadline:.0f} s"
            ) from error
        if done.status > 128:  # how a shell reports the signal that ended a program
            done = changed(done, status=128 - done.status)
        if done.status not in fine:
            raise self._failure(
                aim,
                stream.diagnostics or read_text("\n".join(stream.noise)),
                done,
                "\n".join(stream.noise[-20:]),
            )
        return done.status

    async def text(self, verb: str, aim: str, deadline: float, *arguments: str, **options: Any) -> Finished:  # noqa: ANN401
        """Run a command that prints text. The text may be secret, so it goes to no event."""
        command = self.command(verb, *arguments, **options)
        done = await self.runner.run(
            command, deadline=deadline, cwd=self.root, env=self.env, grace=_GRACE, check=False
        )
        if done.status != 0:
            raise self._failure(aim, read_text(f"{done.stderr}\n{done.stdout}"), done)
        return done

    def json_object(self, done: Finished, aim: str) -> dict[str, Any]:
        """Return the JSON object that a command printed; raises `TofuFailed` if it is none."""
        try:
            data = json.loads(done.stdout)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise self.unreadable(done, aim)
        return data

    def unreadable(self, done: Finished, aim: str) -> KbootstrapError:
        """Return the error for a command that printed something else than expected."""
        return self._failure(aim, read_text(done.stderr), done)

    def _failure(
        self, aim: str, found: Sequence[Mapping[str, Any]], done: Finished, said: str = ""
    ) -> KbootstrapError:
        """Return the error for a command that failed; `said` is what it printed besides diagnostics."""
        what = f"{self.binary.product} could not {aim} cluster {self.cluster}"
        return failure(
            what, found, done.status, said or done.tail, self.provenance, self.redactor, self.hints
        )
