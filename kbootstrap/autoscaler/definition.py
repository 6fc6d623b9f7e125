"""The cluster's definition, read from spec and lock file, and read again when they change.

A spec that is not valid changes nothing: the last valid one stays in force, and the problem is reported.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.autoscaler.groups import groups
from kbootstrap.autoscaler.model import Group, Notice
from kbootstrap.core.errors import KbootstrapError, SpecInvalid, WrongUsage
from kbootstrap.spec import lockfile
from kbootstrap.spec.load import load
from kbootstrap.spec.lock import Lock, allocate, lock_path
from kbootstrap.spec.model import Cluster, Spec

_Mark = tuple[tuple[int, int], ...]
"""Times and sizes of the files: they change with the content."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A cluster of a spec, its lock, and its groups."""

    spec: Spec
    cluster: Cluster
    lock: Lock
    groups: tuple[Group, ...]


def read(path: Path, cluster: str) -> Definition:
    """Read spec and lock file. Raises `SpecInvalid`, or `WrongUsage` if there is no such file or cluster."""
    spec = load(path).checked(path)
    found = next((one for one in spec.clusters if one.name == cluster), None)
    if found is None:
        known = ", ".join(one.name for one in spec.clusters)
        raise WrongUsage(f"{path} has no cluster '{cluster}'", hint=f"it has: {known}", code="KB0401")
    lock = allocate(spec, lockfile.load(lock_path(path)))
    return Definition(spec, found, lock, groups(spec, found, lock))


class Definitions:
    """The definition in force. `changed` is called with each new one."""

    def __init__(
        self,
        path: Path,
        cluster: str,
        changed: Callable[[Definition], None],
        report: Callable[[Notice], None],
    ) -> None:
        self._path, self._cluster, self._changed, self._report = path, cluster, changed, report
        self._mark: _Mark = ()
        self._reading = asyncio.Lock()
        self.problem = ""
        """What is wrong with the files; empty: the definition in force is theirs."""

    def first(self) -> Definition:
        """Read the definition for the first time. Raises what `read` raises."""
        self._mark = self._now()
        return read(self._path, self._cluster)

    async def refresh(self) -> None:
        """Read the files again if they have changed; never raises."""
        async with self._reading:
            mark = self._now()
            if mark == self._mark:
                return
            self._mark = mark
            try:
                found = await asyncio.to_thread(read, self._path, self._cluster)
            except KbootstrapError as error:
                self.problem = _said(error)
                text = f"the last valid spec stays in force: {self.problem}"
                self._report(Notice("SpecInvalid", text, warning=True))
                return
            self.problem = ""
            self._changed(found)

    def _now(self) -> _Mark:
        marks = []
        for path in (self._path, lock_path(self._path)):
            try:
                status = path.stat()
                marks.append((status.st_mtime_ns, status.st_size))
            except OSError:
                marks.append((0, 0))
        return tuple(marks)


def _said(error: KbootstrapError) -> str:
    first = next(iter(error.diagnostics), None) if isinstance(error, SpecInvalid) else None
    return f"{first.span or ''} {first.code} {first.reason}".strip() if first else error.message
