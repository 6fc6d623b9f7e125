"""The result of the checks in `format_*.py`, and suggestions for misspelled words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a value is invalid, as parts of a diagnostic; `summary` as there."""

    code: str
    reason: str
    help: str
    summary: str = ""


def close(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is closest to `word`."""
    lower = {name.lower().replace("-", "_"): name for name in known}
    found = difflib.get_close_matches(word[:80].lower().replace("-", "_"), lower, n=1, cutoff=0.6)
    return lower[found[0]] if found else None


def quote(value: str) -> str:
    """Quote a value for a sentence; long values are truncated."""
    return f"`{value}`" if len(value) <= 60 else f"`{value[:57]}…`"
