"""The event log: all events of a run as JSON Lines, without secrets, in a file readable only by its owner."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.events import Emit, Event, to_json
from kbootstrap.core.redact import Redactor

KEPT = 20
"""Number of log files; older ones are removed when a new one is created."""
_TEXTS = ("cluster", "node", "phase", "step", "detail", "unit")


def redacted(redactor: Redactor, *sinks: Emit) -> Emit:
    """Return an `Emit` that masks known secrets in an event and passes it on to all sinks.

    All events pass through here before they reach views and files. A failing sink does not stop the others.
    """

    def emit(event: Event) -> None:
        safe = event
        for name in _TEXTS:
            value = getattr(event, name)
            if value is not None and (clean := redactor.clean(value)) != value:
                changed: dict[str, Any] = {name: clean}
                safe = dataclasses.replace(safe, **changed)
        for sink in sinks:
            with contextlib.suppress(Exception):
                sink(safe)

    return emit


class EventLog:
    """An open log file. `on_event` writes each event before it returns, so a killed run keeps its log."""

    def __init__(self, folder: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Create `<folder>/events-<UTC time>.jsonl` (0600) and remove all but the newest `KEPT` logs.

        Raises `PrerequisiteMissing` when the folder is not writable.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path, handle = _create(folder, f"{now():%Y%m%dT%H%M%SZ}")
        except OSError as error:
            raise PrerequisiteMissing(f"cannot write the event log in {folder}: {error.strerror}") from error
        self._stream = os.fdopen(handle, "w", encoding="utf-8", errors="replace")
        _prune(folder)

    def on_event(self, event: Event) -> None:
        """Append the event; if the disk is full, the line is lost and the run continues."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(to_json(event) + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Close the file. May be called twice."""
        with contextlib.suppress(OSError):
            self._stream.close()


def _create(folder: Path, stamp: str) -> tuple[Path, int]:
    number = 0
    while True:
        path = folder / f"events-{stamp}{f'-{number}' if number else ''}.jsonl"
        try:
            return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            number += 1


def _prune(folder: Path) -> None:
    with contextlib.suppress(OSError):  # another run may prune at the same time
        logs = sorted(folder.glob("events-*.jsonl"), key=lambda path: (path.stat().st_mtime, path.name))
        for path in logs[:-KEPT]:
            path.unlink(missing_ok=True)
