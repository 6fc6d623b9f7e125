"""The reference pages match the sources. `make docs` generates them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.reference.environment import INTERNAL, OWN
from tests.reference.pages import FOLDER, PAGES

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", PAGES)
def test_page(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), "make docs"


def test_no_page_is_left_over() -> None:
    found = (path for path in FOLDER.rglob("*") if path.is_file())
    assert {path.relative_to(FOLDER).as_posix() for path in found} == set(PAGES)


def test_every_variable_of_ours_is_described() -> None:
    named = {
        found
        for path in (ROOT / "kbootstrap").rglob("*.py")
        for found in re.findall(r"\bKBOOTSTRAP_[A-Z_]+\b", path.read_text(encoding="utf-8"))
    }
    assert named - INTERNAL == set(OWN)
