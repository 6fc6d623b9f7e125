"""Repeated status: a redrawn screen, a block for each change, or a line of JSON for each change.

A terminal gets a screen of its own, as from `watch` or `less`; what was seen last stays when it ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TextIO

from rich.console import Group
from rich.live import Live
from rich.text import Text

from kbootstrap.engine.cluster_status import ClusterStatus
from kbootstrap.views.screen import Screen
from kbootstrap.views.status import status_lines
from kbootstrap.views.status_data import data, status_json


class StatusWatch(Protocol):
    """Displays each observation."""

    def show(self, clusters: Sequence[ClusterStatus], now: datetime) -> None:
        """Display clusters as observed at `now` (UTC)."""

    def close(self) -> None:
        """Finish; the last observation remains visible."""


def choose(output: str, spec: str, interval: float, stream: TextIO, env: Mapping[str, str]) -> StatusWatch:
    """Return the view for `human` or `json` on this stream; `interval` (seconds) is only displayed."""
    if output == "json":
        return JsonWatch(spec, stream)
    screen = Screen(stream, env)
    return ScreenWatch(screen, interval) if screen.facts.live else BlockWatch(screen, stream)


class _Changes:
    """Detects whether a value differs from the last one."""

    def __init__(self) -> None:
        self._last: dict[str, Any] | None = None

    def new(self, clusters: Sequence[ClusterStatus]) -> bool:
        found = data(clusters)
        changed, self._last = found != self._last, found
        return changed


class JsonWatch:
    """One document per line, for each change."""

    def __init__(self, spec: str, stream: TextIO) -> None:
        self._spec, self._stream, self._changes = spec, stream, _Changes()

    def show(self, clusters: Sequence[ClusterStatus], now: datetime) -> None:
        """Write a line."""
        if self._changes.new(clusters):
            self._stream.write(status_json(self._spec, clusters, now, lines=True) + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Do nothing."""


class BlockWatch:
    """A block of text for a log or a pipe, for each change."""

    def __init__(self, screen: Screen, stream: TextIO) -> None:
        self._screen, self._stream, self._changes = screen, stream, _Changes()
        self._begun = False

    def show(self, clusters: Sequence[ClusterStatus], now: datetime) -> None:
        """Print a block that begins with the time. Raises `BrokenPipeError` if the pipe is closed."""
        if not self._changes.new(clusters):
            return
        if self._begun:
            self._screen.line()
        self._begun = True
        self._screen.line((f"{now:%Y-%m-%d %H:%M:%S} UTC", "dim"))
        self._screen.lines(status_lines(self._screen, clusters))
        self._stream.flush()

    def close(self) -> None:
        """Do nothing."""


class ScreenWatch:
    """The whole terminal, redrawn after each observation and when its size changes."""

    def __init__(self, screen: Screen, interval: float) -> None:
        self._screen, self._interval = screen, interval
        self._seen: tuple[Sequence[ClusterStatus], datetime] | None = None
        self._region = Live(
            console=screen.console,
            screen=True,
            get_renderable=self._draw,
            refresh_per_second=1,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._region.start(refresh=True)

    def show(self, clusters: Sequence[ClusterStatus], now: datetime) -> None:
        """Draw the screen."""
        self._seen = (clusters, now)
        self._region.refresh()

    def close(self) -> None:
        """Restore the terminal, and print the last observation."""
        self._region.stop()
        if self._seen:
            self._screen.lines(status_lines(self._screen, self._seen[0]))

    def _draw(self) -> Group:
        mark = self._screen.symbols.ellipsis
        if self._seen is None:
            return Group(Text(f"looking at the nodes{mark}", style="dim"))
        clusters, now = self._seen
        lines = self._fitting(clusters, max(self._screen.console.height - 2, 1))
        end = Text(f"{now:%H:%M:%S} UTC, every {self._interval:g} s; Ctrl-C ends", style="dim")
        return Group(*lines, Text(), end)

    def _fitting(self, clusters: Sequence[ClusterStatus], room: int) -> list[Text]:
        """Return as much as fits: first without nodes that match the spec, then truncated."""
        lines = status_lines(self._screen, clusters)
        if len(lines) > room:
            lines = status_lines(self._screen, clusters, brief=True)
        if len(lines) > room:
            more = len(lines) - room + 1
            lines = [*lines[: room - 1], Text(f"{self._screen.symbols.ellipsis} {more} more lines", "dim")]
        for line in lines:
            line.truncate(self._screen.width, overflow="crop")
        return lines
