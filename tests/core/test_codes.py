"""Every code that the program uses is explained, and every explanation is of a code that it uses."""

from __future__ import annotations

import re
from pathlib import Path

import kbootstrap
from kbootstrap.core.codes import all_codes, explain

PACKAGE = Path(kbootstrap.__file__).parent


def used() -> set[str]:
    return {
        code for path in PACKAGE.rglob("*.py") for code in re.findall(r'"(KB\d{4})"', path.read_text("utf-8"))
    }


def test_every_code_is_explained() -> None:
    assert used() - set(all_codes()) == set()


def test_every_explanation_is_used() -> None:
    assert set(all_codes()) - used() == set()


def test_entries_are_complete() -> None:
    for code, entry in all_codes().items():
        assert re.fullmatch(r"KB\d{4}", code)
        assert entry.title, code
        assert not entry.title.endswith("."), code
        assert len(entry.text) > 60, code
        assert all(len(line) <= 115 for line in entry.text.splitlines()), code


def test_explain_takes_both_cases() -> None:
    entry = explain("kb0201")
    assert entry is not None
    assert entry.title == "Unknown key"
    assert explain("KB9999") is None
