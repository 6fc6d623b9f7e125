"""Runs OpenTofu or Terraform in one cluster's root: init, plan, apply, destroy, state.

Cancelling a call sends SIGINT once. tofu then stops what it is doing and saves its state. When kbootstrap
itself is killed, tofu finishes alone (see `follow.py`), and the next run waits for it (see `settle.py`). The
lock of a local state ends with its process, also after kill -9.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kbootstrap.core import files
from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.core.errors import Locked, TofuFailed
from kbootstrap.core.events import nowhere
from kbootstrap.tofu import initialised
from kbootstrap.tofu.arguments import FLAG
from kbootstrap.tofu.commands import Commands
from kbootstrap.tofu.diagnostics import translate
from kbootstrap.tofu.plan import PlanSummary, summarise
from kbootstrap.tofu.state import State
from kbootstrap.tofu.state import read as read_state
from kbootstrap.tofu.stream import OnCreated, Stream, unheard

_READ, _INIT, _PLAN, _APPLY = 120.0, 900.0, 1800.0, 7200.0
"""Deadlines in seconds. Clouds need minutes for a load balancer or a large flavor."""
_CHANGES = 2
"""Exit status of `plan -detailed-exitcode` if the plan has changes; without changes it is 0."""
_AT_ONCE = 32
"""Resources that a plan reads at once, or that `destroy` deletes at once, where most of the time is spent on
waiting; OpenTofu's default of 10 is meant for creating them."""
FREEZE_FILE = "kbootstrap_override.tf"
"""Overrides the root's HCL during one plan ("Override Files" of OpenTofu); removed afterwards."""


@dataclass(frozen=True, kw_only=True)
class Tofu(Commands):
    """OpenTofu or Terraform in one root; `Commands` describes the fields and the errors."""

    @property
    def is_initialised(self) -> bool:
        """Whether `init` ran for exactly this root."""
        return initialised.is_current(self.root, self.binary, self.env)

    async def init(self, *, force: bool = False) -> bool:
        """Initialise the root unless it already is; return whether `init` ran. `force` always runs it."""
        if not force and self.is_initialised:
            return False
        plugins = Path(self.env["TF_PLUGIN_CACHE_DIR"])
        # The plugin cache is not safe for two inits at once ("Provider Plugin Cache").
        async with _turn(plugins / ".kbootstrap.lock", _INIT):  # also makes the folder
            await self.text("init", "initialise", _INIT, input=False)
        initialised.remember(self.root, self.binary, self.env)
        return True

    async def validate(self) -> tuple[Diagnostic, ...]:
        """Return the errors and warnings of `validate`; the root must be initialised."""
        done = await self.run(
            self.command("validate", json=FLAG), _READ, Stream(self.cluster, nowhere, self.redactor)
        )
        found = self.json_object(done, "validate").get("diagnostics", ())
        return translate(found, self.provenance, self.redactor, self.hints)

    async def plan(
        self,
        out: Path,
        *,
        replace: Sequence[str] = (),
        targets: Sequence[str] = (),
        destroy: bool = False,
        refresh: bool = True,
        frozen: str = "",
    ) -> PlanSummary:
        """Create a plan, save it at `out` (0600: it contains variables) and return a summary of its changes.

        `replace` and `targets` are addresses. `frozen` is HCL that overrides the root's for this plan alone.
        If the provider plugins are missing, the root is initialised again, once. A plan without changes is
        not read back: that would start the plugins again.
        """
        options = {
            "out": str(out),
            "replace": list(replace),
            "target": list(targets),
            "destroy": FLAG if destroy else None,
            "refresh": refresh,
            "input": False,
            "lock_timeout": self.lock_timeout,
            "parallelism": _AT_ONCE,
            "detailed_exitcode": FLAG,
        }
        # Created before tofu writes to it, so that no other user can ever read it.
        files.write(out, b"", mode=0o600)
        _remove(self.root / FREEZE_FILE)
        if frozen:
            files.write(self.root / FREEZE_FILE, frozen)
        try:
            changes = await self._plan(options)
        except BaseException:
            _remove(out)
            raise
        finally:
            _remove(self.root / FREEZE_FILE)
        if not changes:
            return PlanSummary((), (), ())
        return summarise(await self.show_plan(out), self.cluster, self.provenance, self.traits)

    async def _plan(self, options: Mapping[str, Any]) -> bool:
        """Create a plan; return whether it changes anything (resources, outputs, addresses in the state)."""
        run = partial(self.stream_events, "plan", "plan the changes of", _PLAN, fine=(0, _CHANGES), **options)
        try:
            return await run() == _CHANGES
        except TofuFailed as error:
            if error.code != "KB0506":
                raise
            initialised.forget(self.root)
            await self.init(force=True)
            return await run() == _CHANGES

    async def show_plan(self, planfile: Path) -> Mapping[str, Any]:
        """Return a saved plan as tofu's JSON."""
        return self.json_object(
            await self.text("show", "read the plan of", _READ, str(planfile), json=FLAG), "read the plan of"
        )

    async def state(self) -> State:
        """Return the state as it is now."""
        await self.settled()
        done = await self.text("state pull", "read the state of", _READ)
        try:
            return read_state(done.stdout)
        except ValueError as error:
            raise self.unreadable(done, "read the state of") from error

    async def state_write(self, text: str) -> None:
        """Replace the state (`state push`); the serial of `text` must be higher than the current serial."""
        await self.settled()
        place = self.root / ".terraform" / "kbootstrap-state.json"
        files.write(place, text, mode=0o600)
        try:
            options = {"lock_timeout": self.lock_timeout}
            await self.text("state push", "write the state of", _READ, str(place), **options)
        finally:
            _remove(place)

    async def apply(self, planfile: Path, on_created: OnCreated = unheard) -> None:
        """Apply a saved plan; `on_created` hears of each resource as soon as it is created."""
        await self.stream_events(
            "apply",
            "apply the changes of",
            _APPLY,
            str(planfile),
            on_created=on_created,
            input=False,
            lock_timeout=self.lock_timeout,
        )

    async def destroy(self) -> None:
        """Destroy all resources in the state."""
        await self.stream_events(
            "destroy",
            "destroy",
            _APPLY,
            input=False,
            auto_approve=FLAG,
            lock_timeout=self.lock_timeout,
            parallelism=_AT_ONCE,
        )

    async def state_remove(self, addresses: Sequence[str]) -> None:
        """Remove resources and modules from the state (`state rm`), without destroying them."""
        await self.settled()
        options = {"lock_timeout": self.lock_timeout}
        await self.text("state rm", "remove resources from the state of", _READ, *addresses, **options)

    async def untaint(self, address: str) -> None:
        """Untaint a resource: its creation failed, but it works, and must not be replaced."""
        await self.settled()
        options = {"lock_timeout": self.lock_timeout}
        await self.text("untaint", "untaint a resource in the state of", _READ, address, **options)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


@contextlib.asynccontextmanager
async def _turn(lock: Path, wait: float) -> AsyncIterator[None]:
    """Hold a lock between processes; waits up to `wait` seconds without blocking the event loop."""
    end = asyncio.get_running_loop().time() + wait
    while True:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(files.locked(lock, wait=0))
            except Locked:
                if asyncio.get_running_loop().time() >= end:
                    raise
            else:
                yield
                return
        await asyncio.sleep(0.2)
