"""What a run sent to nodes, from its events."""

from __future__ import annotations

import json
import re
from pathlib import Path

_PLACED = re.compile(r"placed (\S+): [\d.]+ (?:MiB|GiB) in ")
"""What the connection to a node logs of a file of at least 1 MiB (`hosts/session.py`)."""
_ENDED = re.compile(r"`.*` ended with \d+ after ")


def sent(events: Path) -> set[str]:
    """Return the names of large files that were sent to a node over SSH."""
    logged = [
        one["detail"]
        for one in map(json.loads, events.read_text(encoding="utf-8").splitlines())
        if one["type"] == "log" and one.get("node")
    ]
    assert any(map(_ENDED.match, logged)), "the events have no log of the connections"
    return {Path(found[1]).name for found in map(_PLACED.match, logged) if found}
