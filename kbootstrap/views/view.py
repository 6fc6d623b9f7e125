"""Views of the event stream of a long command, and the choice of one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol, TextIO

from kbootstrap.core.events import Event
from kbootstrap.views import terminal


class View(Protocol):
    """Displays events. Called from the event loop's thread; never blocks for long, never raises."""

    def on_event(self, event: Event) -> None:
        """Process the next event; this is an `Emit`."""

    def paused(self) -> AbstractContextManager[None]:
        """Keep the terminal free during the context, for a plan and a prompt."""

    def close(self) -> None:
        """Restore the terminal. May be called twice."""


class Silent:
    """Displays nothing: for commands whose result is one document."""

    def on_event(self, event: Event) -> None:
        """Ignore the event."""

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Do nothing: the terminal is always free."""
        yield

    def close(self) -> None:
        """Do nothing."""


def choose(output: str, stdout: TextIO, stderr: TextIO, env: Mapping[str, str]) -> View:
    """Return the view for `-o human` (live region or lines, on stderr) or `-o json` (lines on stdout)."""
    if output == "json":
        from kbootstrap.views.jsonl import JsonLines

        return JsonLines(stdout)
    if terminal.look_at(stderr, env).live:
        from kbootstrap.views.live import Live

        return Live(stderr, env)
    from kbootstrap.views.lines import Lines

    return Lines(stderr, env)
