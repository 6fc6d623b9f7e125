"""Records the events of a run for its critical path, and for the file of `--timeline`."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kbootstrap.core.errors import KbootstrapError, WrongUsage
from kbootstrap.core.events import Emit, Event, Type

if TYPE_CHECKING:
    from kbootstrap.timeline.spans import Timeline

_SUFFIXES = (".svg", ".json")


class Recording:
    """The phases and steps of one run. `on_event` is an `Emit` that receives redacted events."""

    def __init__(
        self, file: Path | None = None, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Record for `file`. Raises `WrongUsage` when it has another suffix, or cannot be written."""
        if file:
            _check(file)
        self._file = file
        self._now = now
        self._events: list[Event] = []

    def on_event(self, event: Event) -> None:
        """Keep the event if it is about a phase or a step."""
        if event.type in {Type.PHASE, Type.STEP}:
            self._events.append(event)

    def finish(self, emit: Emit, *, changed: bool) -> None:
        """Write the file, and report the critical path of a run that `changed` something.

        Does not raise: the run has its own result. A failure is reported as a diagnostic.
        """
        try:
            self._finish(emit, changed=changed)
        except KbootstrapError as error:
            emit(Event(type=Type.DIAGNOSTIC, detail=f"the timeline is missing: {error.message}"))
        except Exception as error:
            detail = f"the timeline is missing because of a bug: {type(error).__name__}: {error}"
            emit(Event(type=Type.DIAGNOSTIC, detail=detail))

    def _finish(self, emit: Emit, *, changed: bool) -> None:
        from kbootstrap.timeline.spans import read

        timeline = read(self._events, end=self._now())
        try:
            if self._file:
                _write(self._file, timeline)
        finally:
            if changed:
                _report(emit, timeline)


def _write(file: Path, timeline: Timeline) -> None:
    from kbootstrap.core.files import write
    from kbootstrap.views.timeline_svg import timeline_svg
    from kbootstrap.views.trace import trace

    write(file, timeline_svg(timeline) if file.suffix.lower() == ".svg" else trace(timeline))


def _report(emit: Emit, timeline: Timeline) -> None:
    from kbootstrap.timeline.critical_path import critical_path, parts

    path = critical_path(timeline.spans)
    if path:
        seconds = path[-1].end - path[0].begin
        emit(Event(type=Type.CRITICAL_PATH, seconds=seconds, parts=parts(path)))


def _check(file: Path) -> None:
    if file.suffix.lower() not in _SUFFIXES:
        raise WrongUsage(
            f"the timeline cannot be written to {file}: the name must end in {' or '.join(_SUFFIXES)}",
            hint=".svg is a picture, .json is a trace for Perfetto (https://ui.perfetto.dev)",
        )
    folder = file.resolve().parent
    if not folder.is_dir():
        raise WrongUsage(f"the timeline cannot be written to {file}: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WrongUsage(f"the timeline cannot be written to {file}: the folder {folder} is not writable")
