"""A plugin of pytest that writes down each outcome when it is known, and runs only what failed before.

    python -m pytest -p tests.suite.record --record FILE …
    python -m pytest -p tests.suite.record --record FILE --repeat "NODE ID" …

A record has one JSON object per line: `{"options"}`, what a repeat must be called with; for each test
`{"test", "outcome", "phase", "reason", "seconds"}`, with the phase that settled it (`setup` is that of its
fixtures) and the time of fixtures that were made for it;
and `{"ended": <exit status>}` as the last one of a run that came to its end. A run that crashed leaves no
such line.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", type=Path, help="append the outcome of each test to this file")
    parser.addoption(
        "--repeat", action="append", default=[], help="run this test, and those that it builds on"
    )


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--record")
    if path is not None and not hasattr(config, "workerinput"):
        recorder = Recorder(path)
        config.pluginmanager.register(recorder)
        recorder.begin(
            [str(word) for word in config.invocation_params.args if str(word).startswith("--tool=")]
        )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of `--repeat`; in a module whose tests build on each other also those before them."""
    wanted = set(config.getoption("--repeat"))
    if not wanted:
        return
    last = {item.path: number for number, item in enumerate(items) if item.nodeid in wanted}
    kept = [
        item
        for number, item in enumerate(items)
        if item.nodeid in wanted or (item.get_closest_marker("ordered") and number < last.get(item.path, -1))
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


class Recorder:
    """Appends outcomes to a file. Outcomes are `passed`, `failed` and `skipped`; each test has one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._settled: set[str] = set()
        self._seconds: dict[str, float] = {}

    def begin(self, options: list[str]) -> None:
        self._write(options=options)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self._settle(report.nodeid, "failed", str(report.longrepr)[-300:], report.when)
        elif report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self._settle(report.nodeid, "skipped", reason.removeprefix("Skipped: "), report.when)
        elif report.when == "teardown":
            self._settle(report.nodeid, "passed", "", report.when)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._settle(report.nodeid or "collection", "failed", str(report.longrepr)[-300:], "collect")

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self._write(ended=int(exitstatus))

    def _settle(self, test: str, outcome: str, reason: str, phase: str) -> None:
        if test not in self._settled:
            self._settled.add(test)
            seconds = round(self._seconds.pop(test, 0.0), 1)
            self._write(test=test, outcome=outcome, phase=phase, reason=reason, seconds=seconds)

    def _write(self, **line: str | float | list[str]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
