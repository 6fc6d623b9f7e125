"""What a run of the suite amounts to, from the records of its stages (`record.py`).

    python -m tests.suite.verdict [--failed "STAGES WITHOUT TESTS"] RECORD…

Tests that failed are repeated once, each module alone in a new process. What passes then is flaky: it is
listed by name, and fails the run only when there are more than two. Tests of one module whose fixtures failed
count as one: they fail together, for one reason. A stage without a complete record has
crashed: that is one failure. The last line is always `N passed, N failed, N skipped`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

TOLERATED = 2
"""So many flaky tests do not fail a run."""
REPEATED = 10
"""With more failures than this the code is broken, and repeating costs an hour."""
SLOWEST = 20
"""So many modules of a stage are listed with their times."""
WORTH_NAMING = 10.0
"""Seconds from which a module is listed."""
_ENDED = {0, 1, 5}
"""Exit statuses of pytest that say that its tests ran: all passed, some failed, none were there."""
Repeat = Callable[[Sequence[str], Sequence[str]], Iterable[str]]
"""Runs tests again, with these options of pytest, and returns those that passed."""


@dataclass
class Stage:
    """One run of pytest: outcome by test, reasons of skipped tests, and whether it came to its end."""

    outcomes: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    at_setup: set[str] = field(default_factory=set)
    """The tests that failed before they began."""
    complete: bool = False
    options: tuple[str, ...] = ()
    """What a repeat must be called with."""
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each test took, with the fixtures that were made for it."""

    @property
    def failed(self) -> list[str]:
        """The tests that failed."""
        return [test for test, outcome in self.outcomes.items() if outcome == "failed"]


def read(path: Path) -> Stage:
    """Read a record; one that is missing or cut is that of a stage that crashed."""
    found = Stage()
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if "ended" in entry:
            found.complete = entry["ended"] in _ENDED
        elif "options" in entry:
            found.options = tuple(entry["options"])
        if "test" not in entry:
            continue
        test = entry["test"]
        if found.outcomes.get(test) != "failed":
            found.outcomes[test] = entry["outcome"]
        if "seconds" in entry:
            found.seconds[test] = entry["seconds"]
        if entry["outcome"] == "failed" and entry.get("phase") == "setup":
            found.at_setup.add(test)
        if entry["outcome"] == "skipped":
            found.reasons[test] = entry["reason"]
    return found


@dataclass(frozen=True)
class Verdict:
    """The sums of a run."""

    passed: int
    failed: tuple[str, ...]
    flaky: tuple[str, ...]
    skipped: Mapping[str, str]
    causes: int = 0
    """How many reasons the flaky tests had at most: tests of one module whose fixtures failed have one."""

    @property
    def good(self) -> bool:
        """Whether the run may be called successful."""
        return not self.failed and self.causes <= TOLERATED

    def lines(self) -> list[str]:
        """Return the summary."""
        found = ["", "== skipped", *(f"{test}: {why}" for test, why in self.skipped.items())]
        found += [] if self.skipped else ["nothing"]
        if self.failed:
            found += ["", "== failed", *self.failed]
        found += ["", f"{len(self.flaky)} flaky (failed, and passed when repeated alone)"]
        found += [f"  {test}" for test in self.flaky]
        if self.causes > TOLERATED:
            found.append(f"more than {TOLERATED} flaky tests fail the run")
        return [
            *found,
            "",
            f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped",
        ]


def judge(stages: Mapping[str, Stage], repeat: Repeat) -> Verdict:
    """Sum up stages by name, after repeating what failed."""
    crashed = [f"{name}: the stage crashed" for name, stage in stages.items() if not stage.complete]
    worth = sum(len(stage.failed) for stage in stages.values()) <= REPEATED
    failed: list[str] = []
    flaky: list[str] = []
    causes: set[tuple[str, str]] = set()
    for name, stage in stages.items():
        again = set(repeat(stage.options, stage.failed)) if worth and stage.failed else set()
        for test in stage.failed:
            (flaky if test in again else failed).append(" ".join([test, *stage.options]))
            if test in again:
                causes.add((name, test.partition("::")[0] if test in stage.at_setup else test))
    return Verdict(
        passed=sum(list(stage.outcomes.values()).count("passed") for stage in stages.values()),
        failed=(*failed, *crashed),
        flaky=tuple(flaky),
        skipped={test: why for stage in stages.values() for test, why in stage.reasons.items()},
        causes=len(causes),
    )


def repeat_alone(options: Sequence[str], failed: Sequence[str]) -> set[str]:
    """Run each module's failed tests in a new process without xdist; return those that passed."""
    passed: set[str] = set()
    modules: dict[str, list[str]] = {}
    for test in failed:
        modules.setdefault(test.partition("::")[0], []).append(test)
    for module, tests in modules.items():
        sys.stdout.write(f"\n== repeated alone: {module}\n")
        sys.stdout.flush()
        with tempfile.TemporaryDirectory() as folder:
            record = Path(folder) / "record.jsonl"
            chosen = [f"--repeat={test}" for test in tests]
            base = [sys.executable, "-m", "pytest", "-q", "-p", "tests.suite.record", f"--record={record}"]
            subprocess.run([*base, *options, *chosen, module], check=False)
            outcomes = read(record).outcomes
            passed |= {test for test in tests if outcomes.get(test) == "passed"}
    return passed


def slowest(stages: Mapping[str, Stage]) -> list[str]:
    """Return the sums of the modules of each stage that took longest, in seconds of one worker."""
    found: list[str] = []
    for name, stage in stages.items():
        sums = defaultdict[str, float](float)
        for test, seconds in stage.seconds.items():
            sums[test.partition("::")[0]] += seconds
        most = sorted(sums.items(), key=itemgetter(1), reverse=True)[:SLOWEST]
        found += ["", f"== {name}: seconds of one worker", f"{sum(sums.values()):6.0f} in total"]
        found += [f"{seconds:6.0f} {module}" for module, seconds in most if seconds >= WORTH_NAMING]
    return found


def main(arguments: Sequence[str]) -> int:
    """Print the summary of some records; return the exit status of the run."""
    options = argparse.ArgumentParser(prog="python -m tests.suite.verdict")
    options.add_argument("--failed", default="", help="stages that failed and have no tests, such as linters")
    options.add_argument("records", nargs="+", type=Path)
    chosen = options.parse_args(arguments)
    stages = {path.stem: read(path) for path in chosen.records}
    sys.stdout.write("\n".join(slowest(stages)) + "\n")
    verdict = judge(stages, repeat_alone)
    lines = verdict.lines()
    if chosen.failed:
        lines[-1:-1] = [f"failed without tests: {chosen.failed}", ""]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if verdict.good and not chosen.failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
