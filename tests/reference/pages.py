"""All pages, by their paths in the folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.reference import commands, conformance, environment, errors, machines, spec

FOLDER = Path(__file__).parent.parent.parent / "docs" / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "spec.md": spec.page,
    "commands.md": commands.page,
    "environment.md": environment.page,
    "machines.md": machines.page,
    "conformance.md": conformance.page,
    "errors.md": errors.index,
    **{f"errors/{name}": page for name, page in errors.pages().items()},
}
