"""Events as plain lines, one for each change of state: for pipes, CI logs and dumb terminals."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TextIO

from rich.text import Text

from kbootstrap.core.events import Event, Status, Type
from kbootstrap.views.amounts import clock, duration, of_total
from kbootstrap.views.critical_path import critical_path_of
from kbootstrap.views.screen import Screen, harmless
from kbootstrap.views.state import Clusters

PROGRESS_EVERY = 30.0
"""Seconds between two lines about the progress of one step, whatever the number of nodes, or one wait."""
_WORDS = {
    Status.DONE: "done",
    Status.SKIPPED: "skipped",
    Status.FAILED: "failed",
    Status.WAITING: "waiting",
}
_STYLES = {Status.DONE: "green", Status.FAILED: "bold red"}


class Lines:
    """A view for people that writes lines, each with the time since the command began."""

    def __init__(
        self, stream: TextIO, env: Mapping[str, str], *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._screen = Screen(stream, env)
        self._now = now
        self._began = now()
        self._said: dict[tuple[str | None, str | None], float] = {}
        self._waits: dict[tuple[str | None, str | None, str | None], tuple[str | None, float]] = {}
        self._clusters = Clusters()

    def on_event(self, event: Event) -> None:
        """Write a line for each change of state."""
        self._clusters.take(event)
        if event.type is Type.PHASE:
            self._write(event, event.cluster or "", event.phase or "", style="bold")
        elif event.type is Type.STEP:
            if event.status is Status.WAITING and self._is_known(event):
                return
            self._said[event.cluster, event.step] = self._now()
            self._write(event, self._clusters.where(event), event.step or "")
        elif event.type is Type.PROGRESS:
            self._progress(event)
        elif event.type is Type.DIAGNOSTIC and event.detail:
            self._write(event, self._clusters.where(event), "", style="yellow")
        elif event.type is Type.CRITICAL_PATH:
            self._screen.line(critical_path_of(event, self._screen.symbols))
            self._screen.console.file.flush()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Do nothing: lines do not disturb a prompt."""
        yield

    def close(self) -> None:
        """Do nothing: all lines are already written."""

    def _is_known(self, event: Event) -> bool:
        """Return whether a step still waits for what a recent line says."""
        key, now = (event.cluster, event.node, event.step), self._now()
        known = self._waits.get(key)
        if known and known[0] == event.detail and now - known[1] < PROGRESS_EVERY:
            return True
        self._waits[key] = (event.detail, now)
        return False

    def _progress(self, event: Event) -> None:
        key = (event.cluster, event.step)
        now = self._now()
        if event.done is None or now - self._said.setdefault(key, now) < PROGRESS_EVERY:
            return
        self._said[key] = now
        amount = of_total(event.done, event.total, event.unit)
        detail = f", {harmless(event.detail)}" if event.detail else ""
        self._print(self._clusters.where(event), Text(f"{event.step or ''}: {amount}{detail}"))

    def _write(self, event: Event, where: str, what: str, *, style: str = "") -> None:
        text = Text(harmless(what), style=style)
        detail = " ".join(harmless(event.detail or "").split())
        word = _WORDS.get(event.status) if event.status else None
        if event.status is Status.WAITING and detail:
            word = None  # the detail says what for
        if word:
            text.append(": " if what else "")
            text.append(word, style=_STYLES.get(event.status or Status.STARTED, ""))
        if event.seconds is not None and event.status in {Status.DONE, Status.FAILED}:
            text.append(f" in {duration(event.seconds)}")
        if detail:
            text.append(f"{': ' if text.plain else ''}{detail}")
        self._print(where, text)

    def _print(self, where: str, text: Text) -> None:
        stamp = f"[{clock(self._now() - self._began):>5}] "
        self._screen.line((stamp, "dim"), (f"{where}: " if where else ""), text)
        self._screen.console.file.flush()
