"""Results of the crash matrix: which points a sample takes, what became of them, and the table."""

from __future__ import annotations

import json
import platform
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from tests.e2e.crash import Boundary, How
from tests.e2e.lab import engine

HOWS: tuple[How, ...] = ("kbootstrap", "kbootstrap", "machine", "network")
"""In turns; kbootstrap twice as often."""
_COMPLETE = "complete"
"""Key of the line that ends the results of one sample."""


@dataclass(frozen=True)
class Outcome:
    """One point that was tried, in the sample `seed`. `note` is what was wrong; empty where it survived."""

    part: str
    how: str
    at: str
    survived: bool
    seconds: float
    note: str = ""
    seed: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        return key(self.part, self.how, self.at)


def key(part: str, how: str, at: str) -> tuple[str, str, str]:
    """Return the identity of a point, without the time in the name of a snapshot."""
    return part, how, re.sub(r"\d{9,}", "N", at)


def sample(found: Sequence[Boundary], count: int, seed: int, part: str) -> Iterator[tuple[How, Boundary]]:
    """Return `count` boundaries and what dies there, one at random out of each of as many equal stretches."""
    random = Random(f"{seed} {part}")  # noqa: S311 - no secret
    hows = random.sample(HOWS, len(HOWS))
    count = min(count, len(found))
    for number in range(count):
        first, end = number * len(found) // count, (number + 1) * len(found) // count
        yield hows[number % len(hows)], found[random.randrange(first, end)]


def write(results: Path, found: Outcome) -> None:
    """Add a point to the file of results."""
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(found)) + "\n")


def complete(results: Path, seed: int) -> None:
    """Note that every point of a sample was tried."""
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps({_COMPLETE: seed}) + "\n")


def outcomes(results: Path) -> list[Outcome]:
    """Read the results so far."""
    return [Outcome(**line) for line in _lines(results) if _COMPLETE not in line]


def next_seed(results: Path) -> int:
    """Return the seed of the sample that was begun last, or of another one where that is complete."""
    lines = _lines(results)
    seeds = [int(line.get(_COMPLETE, line.get("seed", 0))) for line in lines]
    if not seeds:
        return 1
    return max(seeds) + 1 if any(line.get(_COMPLETE) == max(seeds) for line in lines) else seeds[-1]


def _lines(results: Path) -> list[dict[str, Any]]:
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]


def table(found: Sequence[Outcome]) -> str:
    """Return the results as Markdown: a summary by part and kind of crash, then every point."""
    every = Counter((one.part, one.how) for one in found)
    well = Counter((one.part, one.how) for one in found if one.survived)
    hows = sorted({one.how for one in found})
    lines = [f"| | {' | '.join(hows)} |", f"|---{'|---' * len(hows)}|"]
    for part in dict.fromkeys(one.part for one in found):
        cells = [f"{well[part, how]} of {every[part, how]}" if every[part, how] else "" for how in hows]
        lines.append(f"| {part} | {' | '.join(cells)} |")
    lines += ["", "| command | what died | at | seconds | |", "|---|---|---|---|---|"]
    for one in found:
        ended = "survived" if one.survived else one.note
        lines.append(f"| {one.part} | {one.how} | {one.at} | {one.seconds:.0f} | {ended} |")
    return "\n".join(lines) + "\n"


def report(found: Sequence[Outcome], program: str) -> str:
    """Return the table under lines that say when, where, with what, and how each sample ended."""
    said = subprocess.run([engine(), "--version"], capture_output=True, text=True, check=True).stdout
    survived = sum(one.survived for one in found)
    samples = [
        f"- sample {seed}: {sum(one.survived for one in some)} of {len(some)} survived"
        for seed in sorted({one.seed for one in found})
        if (some := [one for one in found if one.seed == seed])
    ]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {program}, {said.strip()}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()}: **{len(found)} points tried, {survived} survived.**\n\n"
        + "\n".join(samples)
        + f"\n\n{table(found)}"
    )
