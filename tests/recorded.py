"""Reads event logs back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from kbootstrap.core.events import Event, Part, Status, Type


def events(log: Path) -> Iterator[Event]:
    """Yield the events of a log; documents between them are left out."""
    for line in log.read_text(encoding="utf-8").splitlines():
        fields: dict[str, Any] = json.loads(line)
        if "type" not in fields:
            continue
        fields["type"] = Type(fields["type"])
        fields["status"] = Status(fields["status"]) if "status" in fields else None
        fields["time"] = datetime.fromisoformat(fields["time"])
        if "parts" in fields:
            fields["parts"] = tuple(Part(**part) for part in fields["parts"])
        yield Event(**{name: value for name, value in fields.items() if name != "version"})
