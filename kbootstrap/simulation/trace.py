"""Reads a load trace: a CSV file with the number of pods of each workload over time.

Columns: `time`, `workload`, `pods`, `cpu`, `memory`, and optionally `pool`. A row says how many pods a
workload has from that time on, what one of them requests, and the only pool that it may run in. The trace
ends at the time of its last row. Lines that begin with `#` are comments.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from kbootstrap.core.diagnostics import Diagnostic, Span
from kbootstrap.core.errors import SpecInvalid
from kbootstrap.simulation import quantities
from kbootstrap.simulation.quantities import Size
from kbootstrap.spec import flaw
from kbootstrap.spec.format_quantities import duration, seconds

COLUMNS = ("time", "workload", "pods", "cpu", "memory")
_OPTIONAL = ("pool",)
MOST_PODS = 20_000
"""Pods at one time. More would take minutes, and no pool is that large."""
MOST_LINES = 50_000
"""More would take minutes. A sample each minute is 43,200 rows in 30 days."""
_LONGEST = 400 * 24 * 3600


@dataclass(frozen=True, slots=True)
class SimulatedWorkload:
    """Pods of one kind: what one of them requests, and the only pool that it may run in, or None."""

    name: str
    request: Size
    pool: str | None = None


@dataclass(frozen=True, slots=True)
class LoadChange:
    """From `time` (seconds after the begin) on, a workload has this number of pods."""

    time: int
    workload: int
    pods: int


@dataclass(frozen=True, slots=True)
class Trace:
    """A load trace. `changes` are in order of time; they name workloads by index. `end` is in seconds."""

    workloads: tuple[SimulatedWorkload, ...]
    changes: tuple[LoadChange, ...]
    end: int

    def pods(self, time: int) -> int:
        """Return the number of pods at a time."""
        latest = {change.workload: change.pods for change in self.changes if change.time <= time}
        return sum(latest.values())


@dataclass(slots=True)
class _TraceReader:
    path: str
    pools: frozenset[str]
    problems: list[Diagnostic]

    def problem(self, line: int, text: str, reason: str, help_: str, value: str = "") -> None:
        column = text.find(value) + 1 if value and value in text else 1
        span = Span(self.path, line, column, column + max(len(value), 1), text)
        self.problems.append(Diagnostic("KB0430", reason, help_, span))


def read(text: str, path: str, pools: frozenset[str]) -> Trace:
    """Return the trace of a file; raises `SpecInvalid` with all its problems.

    `pools` are the names of the cluster's pools.
    """
    reader = _TraceReader(path, pools, [])
    rows = list(_rows(text, reader))
    trace = _trace(rows, reader) if rows else None
    if not rows and not reader.problems:
        reader.problem(1, text.partition("\n")[0], "The trace has no rows.", "Add at least two times.")
    if reader.problems or trace is None:
        raise SpecInvalid(f"{path} is not a load trace", diagnostics=tuple(reader.problems[:50]))
    return trace


_Row = tuple[int, str, dict[str, str]]
"""The line, its text, and its cells by column."""


def _rows(text: str, reader: _TraceReader) -> Iterator[_Row]:
    columns: list[str] | None = None
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if number > MOST_LINES:
            help_ = "Sample the load less often, or cut the trace."
            reader.problem(number, line, f"The trace has more than {MOST_LINES:,} lines.", help_)
            return
        cells = _cells(line)
        if cells is None:
            reader.problem(number, line, "A quotation mark is not closed.", "Delete it, or close it.", '"')
        elif columns is None:
            columns = cells
            if not _header(cells, number, line, reader):
                return
        elif len(cells) > len(columns):
            reader.problem(number, line, "The row has more cells than the header.", "Delete the last ones.")
        elif missing := [name for name in columns[len(cells) :] if name in COLUMNS]:
            reader.problem(number, line, f"The row has no {', '.join(missing)}.", "Add the missing cells.")
        else:
            yield number, line, dict(zip(columns, cells, strict=False))


def _cells(line: str) -> list[str] | None:
    try:
        return [cell.strip() for cell in next(csv.reader([line], strict=True), [])]
    except csv.Error:
        return None


def _header(cells: list[str], number: int, line: str, reader: _TraceReader) -> bool:
    known = (*COLUMNS, *_OPTIONAL)
    missing = [name for name in COLUMNS if name not in cells]
    for name in cells:
        if name not in known:
            close = flaw.close(name, known)
            help_ = f"Did you mean `{close}`?" if close else f"There are: {', '.join(known)}."
            reader.problem(number, line, f"There is no column {flaw.quote(name)}.", help_, name)
    if missing:
        help_ = f"Begin the file with `{','.join(COLUMNS)}`."
        reader.problem(number, line, f"The header has no {', '.join(missing)}.", help_)
    return not reader.problems


def _trace(rows: list[_Row], reader: _TraceReader) -> Trace:
    workloads: dict[str, tuple[int, SimulatedWorkload]] = {}
    changes: dict[tuple[int, int], LoadChange] = {}
    begin: float | None = None
    last = 0
    for number, line, cells in rows:
        time = _time(cells.get("time", ""))
        workload = _workload(cells, number, line, reader)
        pods = _pods(cells.get("pods", ""))
        if time is None:
            help_ = "Write seconds, a duration such as 90s or 1h30m, or a date such as 2026-11-02T08:00:00Z."
            written = cells.get("time", "")
            reader.problem(number, line, f"{flaw.quote(written)} is not a time.", help_, written)
        if pods is None:
            written = cells.get("pods", "")
            help_ = f"Write a whole number from 0 to {MOST_PODS}."
            reader.problem(number, line, f"{flaw.quote(written)} is not a number of pods.", help_, written)
        if time is None or pods is None or workload is None:
            continue
        begin = time if begin is None else begin
        after = round(time - begin)
        if after < last or after > _LONGEST:
            reason = "The time is before that of the row above." if after < last else "The trace is too long."
            reader.problem(number, line, reason, "Sort the rows by time; a trace has at most 400 days.")
            continue
        last = after
        index, known = workloads.setdefault(workload.name, (len(workloads), workload))
        if known != workload:
            reason = f"Workload {flaw.quote(workload.name)} has other requests, or another pool, than before."
            reader.problem(number, line, reason, "Give it another name from here on.", workload.name)
        changes[after, index] = LoadChange(after, index, pods)
    trace = Trace(tuple(one for _, one in workloads.values()), tuple(changes.values()), last)
    _check_whole(trace, rows[-1], reader)
    return trace


def _check_whole(trace: Trace, last: _Row, reader: _TraceReader) -> None:
    if trace.end == 0 and not reader.problems:
        reader.problem(last[0], last[1], "The trace has one time only.", "Add a last row at its end.")
    pods: dict[int, int] = {}
    for change in trace.changes:
        pods[change.workload] = change.pods
        if sum(pods.values()) > MOST_PODS:
            reason = f"The trace has more than {MOST_PODS:,} pods at one time."
            reader.problem(
                last[0], last[1], reason, "Divide all numbers by ten, and the bounds of pools too."
            )
            return


def _workload(
    cells: Mapping[str, str], number: int, line: str, reader: _TraceReader
) -> SimulatedWorkload | None:
    name, pool = cells.get("workload", ""), cells.get("pool", "") or None
    cpu, memory = quantities.cpu(cells.get("cpu", "")), quantities.memory(cells.get("memory", ""))
    if not name:
        reader.problem(number, line, "The workload has no name.", "Write any name in the column `workload`.")
    for what, found, example in (("cpu", cpu, "500m or 2"), ("memory", memory, "512Mi or 1Gi")):
        if found is None:
            written = cells.get(what, "")
            reason = f"{flaw.quote(written)} is not a request of {what}."
            reader.problem(
                number, line, reason, f"Write a quantity of Kubernetes such as {example}.", written
            )
    if pool is not None and pool not in reader.pools:
        close = flaw.close(pool, reader.pools)
        help_ = f"Did you mean `{close}`?" if close else f"There are: {', '.join(sorted(reader.pools))}."
        reader.problem(number, line, f"The cluster has no pool {flaw.quote(pool)}.", help_, pool)
    if not name or cpu is None or memory is None:
        return None
    return SimulatedWorkload(name, Size(cpu, memory), pool)


def _pods(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and int(text) <= MOST_PODS else None


def _time(text: str) -> float | None:
    """Return seconds from a number, a duration or a date; dates without a zone are UTC."""
    if text.isascii() and text.replace(".", "", 1).isdecimal() and len(text) <= 12:
        return float(text)
    if duration(text) is None or text in {"0s", "0m", "0h"}:
        return float(seconds(text))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
