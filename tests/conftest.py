"""Shared by all tests: one flag that rewrites golden files; the result is reviewed as a diff."""

from __future__ import annotations

import signal
from pathlib import Path

import hypothesis
import pytest

# How long an example takes says how busy the machine is: speed is measured in bench/.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files instead of comparing")


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
