"""Events as a live region of a terminal: open phases with one line per node, finished phases above it.

Calm: lines keep their order, nothing moves but spinners, seconds and bars. Phases of a cluster stay together.
The region never grows beyond the screen: when nodes do not fit, failures and working nodes are shown and the
others are counted; when clusters do not fit, one line of each is shown, or as many as fit.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TextIO

from rich.console import Group
from rich.live import Live as Region
from rich.text import Text

from kbootstrap.core.events import Event, Status, Type
from kbootstrap.views.addresses import step_text
from kbootstrap.views.amounts import count, duration, of_total
from kbootstrap.views.critical_path import critical_path_of
from kbootstrap.views.screen import Screen, harmless
from kbootstrap.views.state import NodeRow, Phase, RunState, Task

_FRAMES = 8
"""Drawings per second."""
_BAR = 12
_STEP = 28
"""Letters of a step that a bar must leave room for."""
_WIDEST = 120
"""Columns of the region, however wide the terminal is: seconds stay near what they belong to."""
_NAME = 32
"""Widest column of names; longer names are cut in the middle."""
_FREE = 6
"""Lines of the screen that the region leaves to what was said before; a quarter of a small screen."""
_IMPORTANCE = {Status.FAILED: 0, Status.STARTED: 1, Status.WAITING: 2, Status.DONE: 3, Status.SKIPPED: 3}
_STYLES = {
    Status.DONE: "green",
    Status.FAILED: "bold red",
    Status.STARTED: "cyan",
    Status.WAITING: "",
    Status.SKIPPED: "dim",
}


class Live:
    """A view for people at a terminal."""

    def __init__(
        self, stream: TextIO, env: Mapping[str, str], *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._screen = Screen(stream, env)
        self._now = now
        self._state = RunState()
        # Rich draws in a thread of its own, holding a lock of its own: nothing is printed under this one.
        self._guard = threading.Lock()
        self._waits = False
        self._region: Region | None = None
        self._closed = False

    def on_event(self, event: Event) -> None:
        """Process the event; a phase that ended becomes a permanent line."""
        with self._guard:
            ended = self._state.take(event, self._now())
        if self._closed:
            return
        if ended:
            self._screen.lines(self._ended(ended))
        elif event.type is Type.DIAGNOSTIC and event.detail:
            cluster = self._state.clusters.of(event)
            said = f"{cluster}: {event.detail}" if cluster else event.detail
            self._screen.paragraph(Text.assemble((f"{self._screen.symbols.warning} ", "yellow")), said)
        elif event.type is Type.CRITICAL_PATH:
            self._screen.line(critical_path_of(event, self._screen.symbols))
        if self._region is None and self._state.phases and not self._waits:
            self._start()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Hide the region during the context; events are processed, and drawn afterwards."""
        self._stop()
        self._waits = True
        try:
            yield
        finally:
            self._waits = False
            if self._state.phases and not self._closed:
                self._start()

    def close(self) -> None:
        """Remove the region; open phases leave a line with their progress."""
        left = [] if self._closed else list(self._state.phases.values())
        self._closed = True
        self._stop()
        for phase in left:
            phase.took = self._now() - phase.began
            self._screen.lines(self._ended(phase))

    def _start(self) -> None:
        self._region = Region(
            console=self._screen.console,
            get_renderable=self._draw,
            refresh_per_second=_FRAMES,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._region.start()

    def _stop(self) -> None:
        region, self._region = self._region, None
        if region:
            region.stop()

    def _draw(self) -> Group:
        with self._guard:
            now = self._now()
            lines: list[Text] = []
            height = self._screen.console.height
            room = max(height - min(_FREE, max(height // 4, 1)), 1)
            phases = self._state.grouped
            if len(phases) > room:
                phases = [*{phase.cluster: phase for phase in phases}.values()]
            hidden = len(phases) - (room - 1) if len(phases) > room else 0
            shown = phases[: len(phases) - hidden]
            for index, phase in enumerate(shown):
                left = room - len(lines) - bool(hidden)
                lines += self._phase(phase, now, left // (len(shown) - index))
            if hidden:
                mark = self._screen.symbols.ellipsis
                lines.append(Text(f"{mark} {count(hidden, 'other cluster')}", style="dim"))
            for line in lines:
                line.truncate(self._screen.width - 1, overflow="crop")
            return Group(*lines)

    def _phase(self, phase: Phase, now: float, room: int) -> list[Text]:
        head = Text.assemble((f"{self._spin(now)} ", "cyan"), (_title(phase), "bold"))
        if phase.detail:
            head.append(f"  {harmless(phase.detail)}")
        lines = [self._timed(head, now - phase.began)]
        if room < 2:
            return lines
        rows = list(phase.rows.values())
        shown = rows
        if len(rows) > room - 1:
            ranked = sorted(rows, key=lambda row: _IMPORTANCE[row.task.status])[: max(room - 2, 0)]
            kept = {id(row) for row in ranked}
            shown = [row for row in rows if id(row) in kept]
        width = min(max((len(step_text(row.name)) for row in shown), default=0), _NAME)
        lines += [self._row(row, now, width) for row in shown]
        if len(shown) < len(rows):
            kept = {id(row) for row in shown}
            lines.append(self._others([row for row in rows if id(row) not in kept]))
        return lines

    def _row(self, row: NodeRow, now: float, width: int) -> Text:
        task = row.task
        sign = self._spin(now) if task.status is Status.STARTED else self._sign(task.status)
        spent = now - task.began if task.open else task.took
        name = step_text(row.name)
        line = Text.assemble("  ", (sign, _STYLES[task.status]), f" {self._fit(name, width):<{width}}")
        room = self._edge - line.cell_len - 2 - len(self._seconds(spent or 0.0)) - 1
        what = "" if row.name == task.name else step_text(task.name, node=row.name)
        bar = self._bar(task, now, room - min(len(what), _STEP) - 2) if task.fraction is not None else Text()
        if what:
            text = self._cut(what, room - (bar.cell_len + 2 if bar else 0))
            line.append(f"  {text}", style="" if task.open else "dim")
        detail = " ".join(harmless(task.detail).split())
        if bar:
            line.append("  ").append_text(bar)
        elif detail:
            line.append(f"  {detail}", style="red" if task.status is Status.FAILED else "dim")
        return self._timed(line, spent or 0.0, dim=True)

    def _bar(self, task: Task, now: float, room: int) -> Text:
        """Return the progress bar of a task, and as much as fits of: share, time left, amount."""
        fraction = task.fraction or 0.0
        filled, empty = self._screen.symbols.bar
        full = int(fraction * _BAR)
        if room < _BAR:
            return Text(f"{fraction:.0%}")
        bar = Text.assemble((filled * full, "cyan"), (empty * (_BAR - full), "dim"), f" {fraction:4.0%}")
        left = task.left(now)
        said = harmless(task.estimate) or (f"{self._seconds(left)} left" if left and left >= 1 else "")
        amount = of_total(task.done or 0, task.total, task.unit)
        for words in ([amount, said], [said], []):
            text = ", ".join(word for word in words if word)
            if not text or bar.cell_len + 2 + len(text) <= room:
                return bar.append(f"  {text}" if text else "", style="dim")
        return bar

    @property
    def _edge(self) -> int:
        """The last column of lines."""
        return min(self._screen.width - 1, _WIDEST)

    def _cut(self, text: str, room: int) -> str:
        mark = self._screen.symbols.ellipsis
        return text if len(text) <= room else text[: max(room - len(mark), 0)] + mark

    def _fit(self, name: str, width: int) -> str:
        """Shorten a name in the middle: its end distinguishes nodes."""
        if len(name) <= width:
            return name
        mark = self._screen.symbols.ellipsis
        half = (width - len(mark)) // 2
        return f"{name[: width - len(mark) - half]}{mark}{name[-half:]}"

    def _timed(self, line: Text, seconds: float, *, dim: bool = False) -> Text:
        """Put the time at the right edge; a line that is too long is truncated."""
        time_text = self._seconds(seconds)
        room = self._edge - len(time_text) - 1
        if line.cell_len > room:
            mark = self._screen.symbols.ellipsis
            line.truncate(room - len(mark), overflow="crop")
            line.append(mark)
        line.append(" " * (room - line.cell_len + 1))
        line.append(time_text, style="dim" if dim else "")
        return line

    @staticmethod
    def _seconds(seconds: float) -> str:
        """Write whole seconds: tenths would flicker."""
        return duration(seconds) if seconds >= 9.95 else f"{int(seconds)}s"

    def _others(self, rows: list[NodeRow]) -> Text:
        words = {
            Status.FAILED: "failed",
            Status.STARTED: "working",
            Status.WAITING: "waiting",
            Status.DONE: "done",
        }
        counts = dict.fromkeys(words.values(), 0)
        for row in rows:
            status = row.task.status
            counts[words[Status.DONE if status is Status.SKIPPED else status]] += 1
        parts = ", ".join(f"{number} {word}" for word, number in counts.items() if number)
        mark = self._screen.symbols.ellipsis
        return Text(f"  {mark} {count(len(rows), 'other')}: {parts}", style="dim")

    def _ended(self, phase: Phase) -> list[Text]:
        """Return the permanent lines of a phase: its time, and its failures."""
        status = phase.status
        sign = self._sign(status) if status is not Status.STARTED else self._screen.symbols.warning
        style = _STYLES[status] if status is not Status.STARTED else "yellow"
        line = Text.assemble((f"{sign} ", style), (_title(phase), "bold"))
        line.append(f"  {duration(phase.took)}", style="dim")
        detail = " ".join(harmless(phase.detail).split())
        if detail:
            line.append(f"  {detail}")
        if status is Status.STARTED:
            line.append("  stopped", style="yellow")
        failed = [row for row in phase.rows.values() if row.task.status is Status.FAILED]
        for row in failed:
            task = row.task
            what = "" if row.name == task.name else f"  {step_text(task.name, node=row.name)}"
            text = Text.assemble("  ", (self._sign(task.status), _STYLES[task.status]), f" {row.name}{what}")
            said = " ".join(harmless(task.detail).split())
            text.append(f"  {said}" if said else "", style="red")
            line.append("\n").append_text(text)
        return list(line.split("\n"))

    def _sign(self, status: Status) -> str:
        symbols = self._screen.symbols
        return {
            Status.DONE: symbols.done,
            Status.FAILED: symbols.failed,
            Status.WAITING: symbols.waiting,
            Status.SKIPPED: symbols.skipped,
        }.get(status, symbols.waiting)

    def _spin(self, now: float) -> str:
        frames = self._screen.symbols.spinner
        return frames[int(now * _FRAMES) % len(frames)]


def _title(phase: Phase) -> str:
    parts = [part for part in (phase.cluster, phase.name) if part]
    return harmless(": ".join(parts)) or "working"
