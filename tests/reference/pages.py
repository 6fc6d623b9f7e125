"""All pages by their file names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.reference import commands, environment, errors, machines, spec

FOLDER = Path(__file__).parent.parent.parent / "docs" / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "spec.md": spec.page,
    "commands.md": commands.page,
    "errors.md": errors.page,
    "environment.md": environment.page,
    "machines.md": machines.page,
}
