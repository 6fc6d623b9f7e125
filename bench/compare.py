"""Compares the results of this commit with the committed baseline.

    python -m bench.compare             exit 1 where a ratio is worse by more than a quarter
    python -m bench.compare --update    make the results of this commit the baseline

What was not measured is listed, and does not fail.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.machine import commit
from bench.results import FOLDER, ratios, read

BASELINE = Path(__file__).with_name("baseline.json")
ALLOWED = 1.25
"""A ratio may be this many times that of the baseline: less is noise of the machine."""

Verdict = Literal["same", "better", "worse", "new", "not measured"]


@dataclass(frozen=True, slots=True)
class Row:
    """One ratio in the baseline and now; None where there is none."""

    name: str
    before: float | None
    now: float | None

    @property
    def verdict(self) -> Verdict:
        """Return what became of it; "same" within what is allowed."""
        if self.now is None:
            return "not measured"
        if self.before is None:
            return "new"
        if self.now > self.before * ALLOWED:
            return "worse"
        return "better" if self.now * ALLOWED < self.before else "same"


def compare(before: Mapping[str, float], now: Mapping[str, float]) -> tuple[Row, ...]:
    """Return a row for each ratio of either."""
    return tuple(Row(name, before.get(name), now.get(name)) for name in sorted({*before, *now}))


def failed(rows: tuple[Row, ...]) -> bool:
    """Return whether a ratio is worse, or nothing was measured at all."""
    return any(row.verdict == "worse" for row in rows) or all(row.now is None for row in rows)


def table(rows: tuple[Row, ...]) -> str:
    """Return the rows as text."""
    width = max((len(row.name) for row in rows), default=0)
    return "".join(
        f"{row.name:{width}}  {_shown(row.before):>8}  {_shown(row.now):>8}  {row.verdict}\n" for row in rows
    )


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def main() -> int:
    """Compare and print, or update the baseline; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    measured, kept = read(FOLDER / f"{commit()}.json"), read(BASELINE)
    if options.update:
        found = {**kept.get("benchmarks", {}), **measured.get("benchmarks", {})}
        only = {name: {"ratios": entry["ratios"]} for name, entry in sorted(found.items())}
        BASELINE.write_text(json.dumps({**kept, **measured, "benchmarks": only}, indent=2) + "\n")
        return 0
    rows = compare(ratios(kept), ratios(measured))
    sys.stdout.write(table(rows))
    return int(failed(rows))


if __name__ == "__main__":
    sys.exit(main())
