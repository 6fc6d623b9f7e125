"""The texts of `kbootstrap explain KBnnnn`: one entry per code, one file per group in this folder."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """One code: `text` is plain text of a few lines with the meaning and the remedy."""

    code: str
    title: str
    text: str


@functools.cache
def all_codes() -> Mapping[str, CodeEntry]:
    """Return all codes in order; the files are read once, on first use."""
    entries: dict[str, CodeEntry] = {}
    for file in resources.files(__package__).iterdir():
        if file.name.endswith(".toml"):
            for code, entry in tomllib.loads(file.read_text("utf-8")).items():
                entries[code] = CodeEntry(code, entry["title"], entry["text"].strip())
    return dict(sorted(entries.items()))


def explain(code: str) -> CodeEntry | None:
    """Return the entry of a code, None if it does not exist; case-insensitive."""
    return all_codes().get(code.upper())


def title(code: str) -> str:
    """Return the title of a code; KeyError if it does not exist."""
    return all_codes()[code].title
