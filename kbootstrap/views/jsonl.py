"""Events as JSON Lines: one object per line, written at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TextIO

from kbootstrap.core.events import Event, to_json


class JsonLines:
    """A view for programs. Output of tools (`log` events) is left to the event log."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._open = True

    def on_event(self, event: Event) -> None:
        """Write the event."""
        if not self._open:
            return
        try:
            self._stream.write(to_json(event) + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # the reader went away
            self._open = False

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Do nothing: lines do not disturb a prompt."""
        yield

    def close(self) -> None:
        """Do nothing: all lines are already written."""
