"""Clusters and their nodes as they are, beside what the spec wants."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TextIO

from rich.text import Text

from kbootstrap.cluster.status import Row
from kbootstrap.views.amounts import count
from kbootstrap.views.screen import Screen, harmless
from kbootstrap.views.tables import Cell, table

VERSION = 1
"""Of the JSON form."""


@dataclass(frozen=True, slots=True)
class ShownCluster:
    """One cluster. `endpoint` is the API's URL; `note` says what could not be found out, and why.

    `holder` is the run that changes it at this moment.
    """

    name: str
    provider: str
    endpoint: str | None
    rows: tuple[Row, ...]
    note: str = ""
    holder: str | None = None

    @property
    def good(self) -> bool:
        """Whether every node is exactly as wanted."""
        return not self.note and bool(self.rows) and all(row.good for row in self.rows)


def show_status(clusters: Sequence[ShownCluster], stream: TextIO, env: Mapping[str, str]) -> None:
    """Print one table per cluster."""
    screen = Screen(stream, env)
    for index, cluster in enumerate(clusters):
        if index:
            screen.line()
        good = cluster.good
        sign, style = (screen.symbols.done, "green") if good else (screen.symbols.warning, "yellow")
        versions = dict.fromkeys(row.wanted_version for row in cluster.rows if row.wanted)
        facts = [cluster.provider, *versions, cluster.endpoint or "no API endpoint"]
        screen.line((f"{sign} ", style), (cluster.name, "bold"), f"  {', '.join(facts)}")
        if cluster.holder:
            screen.paragraph("  ", harmless(f"being changed by {cluster.holder}"))
        if cluster.note:
            screen.paragraph("  ", Text(harmless(cluster.note), style="yellow"))
        _print_rows(screen, cluster.rows)


def _print_rows(screen: Screen, rows: Sequence[Row]) -> None:
    """Print the nodes, and under each what `apply` would do to it."""
    if rows:
        head, *lines = table(
            screen, ["NODE", "ROLE", "STATE", "VERSION", "ETCD"], list(map(_cells, rows)), indent=2
        )
        screen.line(head)
        for row, line in zip(rows, lines, strict=True):
            screen.line(line)
            if row.pending:
                more = f" and {count(len(row.pending) - 1, 'more step')}" if len(row.pending) > 1 else ""
                screen.paragraph(Text("    pending: ", style="yellow"), f"{row.pending[0]}{more}")
    if not rows:
        return
    ready = sum(1 for row in rows if row.ready)
    pending = sum(1 for row in rows if row.pending)
    text = f"  {ready} of {count(len(rows), 'node')} Ready"
    screen.line(text, f", {pending} with changes pending" if pending else "")


def status_json(clusters: Sequence[ShownCluster]) -> str:
    """Return all clusters as one JSON document."""
    shown = [
        {
            "name": cluster.name,
            "provider": cluster.provider,
            "endpoint": cluster.endpoint,
            "good": cluster.good,
            "note": cluster.note or None,
            "holder": cluster.holder,
            "nodes": [{**asdict(row), "good": row.good} for row in cluster.rows],
        }
        for cluster in clusters
    ]
    document = {"version": VERSION, "kind": "status", "clusters": shown}
    return json.dumps(document, ensure_ascii=False, indent=2)


def _cells(row: Row) -> list[Cell]:
    stale = row.wanted and row.version != row.wanted_version
    version = Text(row.version or "", style="yellow" if stale else "")
    etcd = {True: "voter", False: "no", None: ""}[row.etcd]
    return [row.name, row.role, _state(row), version, etcd]


def _state(row: Row) -> Text:
    if not row.wanted:
        return Text("not in the spec", style="yellow")
    if not row.reachable:
        return Text("Ready, no SSH" if row.ready else "unreachable", style="yellow" if row.ready else "red")
    if row.ready:
        return Text("Ready", style="green")
    if row.ready is None:
        return Text(f"service {row.service}" if row.service else "not installed", style="yellow")
    return Text("NotReady", style="red")
