"""Shared by all tests: an isolated environment, golden files, and which tests a run leaves out."""

from __future__ import annotations

import signal
from pathlib import Path

import hypothesis
import pytest

from tests.suite.isolation import isolate

isolate()  # before test modules are imported: some look for the cache then
PATIENCE = 600
"""Seconds until a test is stopped: no figure of a test, only an end for one that hangs."""

# How long an example takes says how busy the machine is: speed is measured in bench/.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files instead of comparing")
    parser.addoption("--full", action="store_true", help="run the tests that are marked `full` too")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "full: variants, repeats, random moments and other tools; only with --full"
    )
    config.addinivalue_line("markers", "smoke: runs with Podman too, not with Docker only")
    config.addinivalue_line("markers", "ordered: the tests of the module build on those before them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only `--full` runs; give each test the usual patience."""
    if not config.getoption("--full"):
        left_out = [item for item in items if item.get_closest_marker("full")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
    for item in items:
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(PATIENCE))


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def golden(update_golden: bool) -> Golden:
    """Compare a text with a golden file, or rewrite the file."""
    return Golden(update=update_golden)


class Golden:
    def __init__(self, *, update: bool) -> None:
        self.update = update

    def check(self, path: Path, text: str) -> None:
        if self.update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        assert text == found, f"{path} differs; --update-golden rewrites it"


# Where the tests run in the background (`make test &`), Ctrl-C is ignored, and every program under test would
# inherit that. A handler of ours is not inherited: programs start with the default.
signal.signal(signal.SIGINT, signal.default_int_handler)
