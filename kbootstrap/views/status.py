"""Shows the actual and the desired state of clusters and their nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TextIO

from rich.text import Text

from kbootstrap.cluster.decide.certificates import LEAF_WARNING
from kbootstrap.cluster.decide.comparison import NodeStatus
from kbootstrap.cluster.decide.drift import Drift
from kbootstrap.cluster.decide.last_snapshots import LastSnapshots, made
from kbootstrap.cluster.state.certificates import Certificate
from kbootstrap.cluster.state.snapshots import S3
from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.engine.cluster_status import ClusterStatus
from kbootstrap.views.amounts import count
from kbootstrap.views.screen import Screen, harmless
from kbootstrap.views.tables import Cell, table

_HEAD = ("NODE", "ROLE", "STATE", "VERSION", "ETCD", "CERTS")
_RUNS = ("active", "activating", "reloading")
"""States of a unit that runs, or is about to."""
_SHOWN = 4
"""Differences of one node that are written out, and packages; others are counted."""
_OLD = 2 * 86400
"""Seconds after which package lists may say nothing about today's updates."""


def show_status(clusters: Sequence[ClusterStatus], stream: TextIO, env: Mapping[str, str]) -> None:
    """Print one table per cluster."""
    screen = Screen(stream, env)
    screen.lines(status_lines(screen, clusters))


def status_lines(screen: Screen, clusters: Sequence[ClusterStatus], *, brief: bool = False) -> list[Text]:
    """Return the lines of all clusters; `brief` omits nodes that match the spec."""
    lines: list[Text] = []
    for cluster in clusters:
        lines += [Text()] if lines else []
        lines += _StatusLines(screen, cluster).all(brief=brief)
    return lines


class _StatusLines:
    """Writes one cluster."""

    def __init__(self, screen: Screen, cluster: ClusterStatus) -> None:
        self._screen, self._cluster = screen, cluster

    def all(self, *, brief: bool) -> Iterator[Text]:
        cluster = self._cluster
        yield self._title()
        if cluster.holder:
            yield from self._screen.wrapped("  ", f"being changed by {cluster.holder}")
        if cluster.note:
            yield from self._screen.wrapped("  ", Text(harmless(cluster.note), style="yellow"))
        for one in cluster.drift:
            yield from self._difference(one, indent=2)
        if cluster.rows:
            yield from self._rows(brief=brief)
            yield self._sum()
        if cluster.snapshots:
            yield from self._snapshots(cluster.snapshots)
        for problem in cluster.diagnostics:
            yield from self._diagnostic(problem)

    def _title(self) -> Text:
        cluster, symbols = self._cluster, self._screen.symbols
        sign, style = (symbols.done, "green") if cluster.good else (symbols.warning, "yellow")
        versions = dict.fromkeys(row.desired_version for row in cluster.rows if row.desired)
        facts = [cluster.provider, *versions, cluster.endpoint or "no API endpoint"]
        return Text.assemble((f"{sign} ", style), (cluster.name, "bold"), f"  {', '.join(facts)}")

    def _rows(self, *, brief: bool) -> Iterator[Text]:
        """Yield the nodes, and under each its problems."""
        rows = self._cluster.rows
        head, *lines = table(self._screen, _HEAD, [_cells(row) for row in rows], indent=2)
        yield head
        for row, line in zip(rows, lines, strict=True):
            if not brief or not row.good:
                yield line
                yield from self._wrong(row)
        left = sum(1 for row in rows if row.good) if brief else 0
        if left:
            mark = self._screen.symbols.ellipsis
            yield Text(f"  {mark} {count(left, 'other node')} as wanted", style="dim")

    def _wrong(self, row: NodeStatus) -> Iterator[Text]:
        if row.unreachable and not any(one.kind == "infrastructure" for one in row.drift):
            yield from self._screen.wrapped("    ", harmless(row.unreachable))
        if row.reason and row.ready is False and not row.passing:
            yield from self._screen.wrapped("    ", f"not Ready: {harmless(row.reason)}")
        said = row.reason if row.ready is False else ""
        for one in (*row.drift[:_SHOWN], *(wait for wait in row.waits if not said or wait.why != said)):
            yield from self._difference(one, indent=4)
        yield from self._upkeep(row)
        if len(row.drift) > _SHOWN:
            mark = self._screen.symbols.ellipsis
            yield Text(f"    {mark} {count(len(row.drift) - _SHOWN, 'other difference')}", style="dim")

    def _upkeep(self, row: NodeStatus) -> Iterator[Text]:
        """Yield what the operating system of a node waits for."""
        found = row.upkeep
        if found is None:
            return
        if found.reboot:
            because = f" ({harmless(_some(found.packages))})" if found.packages else ""
            yield from self._screen.wrapped(
                "    ", Text(f"its machine must be rebooted{because}", style="yellow")
            )
        if found.updates:
            updates = count(len(found.updates), "security update")
            text = f"{updates} pending ({harmless(_some(found.updates))})"
            if found.age > _OLD:
                text += f"; the package lists are {age(timedelta(seconds=found.age))} old"
            yield from self._screen.wrapped("    ", Text(text, style="yellow"))
        if found.unread:
            said = f"pending security updates are unknown: {harmless(found.unread)}"
            yield from self._screen.wrapped("    ", Text(said, style="yellow"))

    def _difference(self, one: Drift, *, indent: int) -> list[Text]:
        before = Text(f"{' ' * indent}{harmless(one.what)}: ", style="yellow")
        return self._screen.wrapped(before, one.why, indent=indent + 2)

    def _sum(self) -> Text:
        rows = self._cluster.rows
        ready = sum(1 for row in rows if row.ready)
        differ = sum(1 for row in rows if row.drift)
        unsettled = sum(1 for row in rows if row.waits)
        text = f"  {ready} of {count(len(rows), 'node')} Ready"
        authorities = [row.authority for row in rows if row.authority]
        until = min((one.not_after for one in authorities), default=None)
        return Text.assemble(
            text,
            f", {differ} not as in the spec" if differ else "",
            f", {unsettled} not settled yet" if unsettled else "",
            (f"; authorities until {until:%Y-%m-%d}", "dim") if until else "",
        )

    def _snapshots(self, found: LastSnapshots) -> Iterator[Text]:
        newest = found.newest
        if newest:
            where = "in the bucket" if newest.place == S3 else f"on {newest.place}"
            both = found.server and found.bucket and found.server.name == found.bucket.name
            also = " and in the bucket" if both else ""
            ago = age(found.now - made(newest))
            text = f"last snapshot {ago} ago {where}{also}, {made(newest):%Y-%m-%d %H:%M} UTC"
        else:
            text = "no snapshot yet"
        yield from self._screen.wrapped("  ", text)
        if found.problem:
            said = Text(f"bucket for snapshots: {harmless(found.problem)}", style="yellow")
            yield from self._screen.wrapped("  ", said)

    def _diagnostic(self, problem: Diagnostic) -> list[Text]:
        bad = problem.severity is Severity.ERROR
        symbols = self._screen.symbols
        sign = symbols.failed if bad else symbols.warning
        head = Text.assemble("  ", (f"{sign} ", "red" if bad else "yellow"))
        text = f"{problem.reason} {_sentence(problem.help)} [{problem.code}]"
        return self._screen.wrapped(head, harmless(text))


def _sentence(text: str) -> str:
    """Write a hint as a sentence; a hint that begins with a command is unchanged."""
    if not text:
        return ""
    first = text if text.startswith("kbootstrap ") else text[0].upper() + text[1:]
    return first if first.endswith(".") else f"{first}."


def _cells(row: NodeStatus) -> list[Cell]:
    stale = row.desired and row.version != row.desired_version
    version = Text(row.version or "", style="yellow" if stale else "")
    role = f"{row.role}, elastic" if row.elastic else row.role
    return [row.name, role, _state(row), version, _etcd(row), _days(row)]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _etcd(row: NodeStatus) -> str:
    """Write the etcd membership of a server; never empty for a running server."""
    if row.etcd is None:
        runs = row.role == "server" and row.service in _RUNS
        return "joining" if row.joining else "unknown" if runs else ""
    return "voter" if row.etcd else "no"


def _state(row: NodeStatus) -> Text:
    if row.passing:
        return Text(row.passing, style="dim")
    if not row.desired:
        return Text("not in the spec", style="yellow")
    if not row.reachable:
        return Text("Ready, no SSH" if row.ready else "unreachable", style="yellow" if row.ready else "red")
    if row.service != "active" or row.ready is None:
        return Text(f"service {row.service}", style="yellow")
    if row.ready:
        return Text("Ready, cordoned", style="yellow") if row.cordoned else Text("Ready", style="green")
    return Text("NotReady", style="red")


def _days(row: NodeStatus) -> Text:
    """Write how many days the leaf certificates of a node are valid."""
    one: Certificate | None = row.leaf
    if one is None or row.time is None:
        return Text()
    if one.not_after <= row.time:
        return Text("run out", style="red")
    days = one.days(row.time)
    return Text(f"{days} d", style="yellow" if days < LEAF_WARNING else "")


def age(time: timedelta) -> str:
    """Write an age in one or two units: `3 min`, `2 h 05 min`, `12 d`."""
    minutes = max(int(time.total_seconds()) // 60, 0)
    hours, days = minutes // 60, minutes // 1440
    if minutes < 60:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60:02} min" if hours < 10 else f"{hours} h"
    return f"{days} d"
