"""What maintenance has to do on nodes, or has done: a table for each cluster, and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from rich.text import Text

from kbootstrap.cluster.decide.maintenance import NodeWork
from kbootstrap.engine.maintenance import ClusterMaintenance, NodeResult
from kbootstrap.views.amounts import count
from kbootstrap.views.screen import Screen, harmless
from kbootstrap.views.tables import Cell, table

VERSION = 1
"""Of the JSON form."""
_NAMED = 4
"""Packages that are named; more are counted."""


def show_maintenance(found: Sequence[ClusterMaintenance], stream: TextIO, env: Mapping[str, str]) -> None:
    """Print what is to be done on each node or, with results, what was done."""
    screen = Screen(stream, env)
    for cluster in found:
        screen.line(Text.assemble((cluster.name, "bold"), f"  {_hours(cluster)}"))
        rows: list[list[Cell]] = [
            [work.name, work.role, _done(work, done) if done else _pending(work)]
            for work, done in zip(cluster.works, cluster.results or [None] * len(cluster.works), strict=True)
        ]
        head = ("NODE", "ROLE", "DONE" if cluster.results else "TO DO")
        screen.lines(table(screen, head, rows, indent=2, wrap=True))
        if cluster.empty and cluster.results is None:
            screen.line("  Nothing to do.")


def maintenance_json(found: Sequence[ClusterMaintenance]) -> str:
    """Return the same as one JSON document on one line; `schemas/maintenance.json` describes it."""
    document = {
        "version": VERSION,
        "kind": "maintenance",
        "empty": all(cluster.empty for cluster in found),
        "clusters": [_cluster(cluster) for cluster in found],
    }
    return json.dumps(document, ensure_ascii=False)


def _cluster(cluster: ClusterMaintenance) -> dict[str, Any]:
    window = cluster.how.window
    now = cluster.hours.now()
    until = window.open_until(now) if window else None
    begin = window.next_begin(now) if window and until is None else None
    results = {one.name: one for one in cluster.results or ()}
    return {
        "name": cluster.name,
        "window": str(window) if window else None,
        "open_until": until.isoformat() if until else None,
        "next_window": begin.isoformat() if begin else None,
        "os_updates": cluster.how.os_updates,
        "reboot": cluster.how.reboot,
        "nodes": [_node(work, results.get(work.name)) for work in cluster.works],
    }


def _node(work: NodeWork, done: NodeResult | None) -> dict[str, Any]:
    result = None
    if done:
        result = {
            "updated": done.updated,
            "rebooted": done.rebooted,
            "waits_for_reboot": done.waits,
            "left": done.left,
        }
    return {
        "name": work.name,
        "role": work.role,
        "updates": list(work.packages),
        "reboot": work.reboot,
        "because": list(work.because),
        "unknown": work.unknown or None,
        "result": result,
    }


def _hours(cluster: ClusterMaintenance) -> str:
    window = cluster.how.window
    if window is None:
        return "at any time"
    now = cluster.hours.now()
    if until := window.open_until(now):
        return f"{window}, open until {until:%A %H:%M %Z}"
    return f"{window}, next on {window.next_begin(now):%A %Y-%m-%d %H:%M %Z}"


def _pending(work: NodeWork) -> Text:
    if work.unknown:
        return Text(f"unknown: {harmless(work.unknown)}", style="yellow")
    parts = []
    if work.packages:
        parts.append(f"install {count(len(work.packages), 'security update')} ({_names(work.packages)})")
    because = f" ({_names(work.because)})" if work.because else ""
    if work.reboot == "now":
        parts.append(f"reboot{because}")
    if work.reboot == "waits":
        parts.append(f"waits for a reboot{because}, and `reboot` is never")
    if work.packages and work.reboot == "no":
        parts.append("reboot if that requires it")
    return Text(", ".join(parts)) if parts else Text("nothing", style="dim")


def _done(work: NodeWork, done: NodeResult) -> Text:
    if work.unknown:
        return Text(f"unknown: {harmless(work.unknown)}", style="yellow")
    if done.left:
        return Text("not begun: the window has ended", style="yellow")
    parts = [count(done.updated, "security update")] if done.updated else []
    parts += ["rebooted"] if done.rebooted else []
    if done.waits:
        return Text(", ".join([*parts, "waits for a reboot"]), style="yellow")
    return Text(", ".join(parts)) if parts else Text("nothing", style="dim")


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return harmless(", ".join(names[:_NAMED]) + more)
