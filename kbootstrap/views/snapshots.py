"""Snapshots as a table, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TextIO

from kbootstrap.cluster.state.snapshots import Snapshot
from kbootstrap.views.amounts import bytes_text
from kbootstrap.views.screen import Screen, harmless
from kbootstrap.views.tables import show_table

VERSION = 1
"""Of the JSON form."""


def show_snapshots(
    found: Sequence[Snapshot], problems: Mapping[str, str], stream: TextIO, env: Mapping[str, str]
) -> None:
    """Print a table; `problems` are locations that could not be listed, each with the reason."""
    rows = [[one.name, one.place, _when(one), bytes_text(one.size)] for one in found]
    show_table(["NAME", "WHERE", "MADE (UTC)", "SIZE"], rows, stream, env, empty="There are no snapshots.")
    screen = Screen(stream, env)
    for place, why in problems.items():
        screen.line((f"{screen.symbols.warning} ", "yellow"), harmless(f"{place}: {why}"))


def snapshots_json(found: Sequence[Snapshot], problems: Mapping[str, str]) -> str:
    """Return the same as one JSON document."""
    shown = [{**asdict(one), "made": datetime.fromtimestamp(one.made, UTC).isoformat()} for one in found]
    return json.dumps({"version": VERSION, "snapshots": shown, "problems": dict(problems)}, indent=2)


def _when(one: Snapshot) -> str:
    return f"{datetime.fromtimestamp(one.made, UTC):%Y-%m-%d %H:%M:%S}"
