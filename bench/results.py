"""Keeps what was measured: `build/bench/<commit>.json`, one entry for each benchmark.

    {"version": 1, "commit": "…", "time": "…", "machine": {…},
     "benchmarks": {"large_plan": {"ratios": {"terminal": 2.1}, "figures": {…}}}}

A ratio compares a cost with that of something simple in the same run; smaller is better.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.machine import commit, machine

FOLDER = Path(__file__).parent.parent / "build" / "bench"
VERSION = 1


def keep(name: str, figures: Mapping[str, Any], ratios: Mapping[str, float]) -> None:
    """Add the entry of a benchmark to the file of this commit, and print it."""
    entry = {"ratios": {key: float(f"{value:.3g}") for key, value in ratios.items()}, "figures": figures}
    path = FOLDER / f"{commit()}.json"
    FOLDER.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(merged(read(path), name, entry), indent=2) + "\n", encoding="utf-8")
    print(json.dumps({name: entry}, indent=2))


def merged(before: Mapping[str, Any], name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a file with one more entry; the machine is described as it is now."""
    return {
        "version": VERSION,
        "commit": commit(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "benchmarks": {**before.get("benchmarks", {}), name: entry},
    }


def read(path: Path) -> dict[str, Any]:
    """Return the content of a file of results; empty where there is none of this version."""
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found if found.get("version") == VERSION else {}


def ratios(content: Mapping[str, Any]) -> dict[str, float]:
    """Return all ratios of a file of results, as `large_plan.terminal`."""
    return {
        f"{name}.{key}": float(value)
        for name, entry in content.get("benchmarks", {}).items()
        for key, value in entry["ratios"].items()
    }
