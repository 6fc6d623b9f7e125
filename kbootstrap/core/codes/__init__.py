"""What `kbootstrap explain KBnnnn` says: one entry per code, in a file per group beside this one."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """One code: `text` is plain text of a few lines that says what it means and what to do."""

    code: str
    title: str
    text: str


@functools.cache
def all_codes() -> Mapping[str, CodeEntry]:
    """Return every code in order; the files are read once, when first asked for."""
    entries: dict[str, CodeEntry] = {}
    for file in resources.files(__package__).iterdir():
        if file.name.endswith(".toml"):
            for code, entry in tomllib.loads(file.read_text("utf-8")).items():
                entries[code] = CodeEntry(code, entry["title"], entry["text"].strip())
    return dict(sorted(entries.items()))


def explain(code: str) -> CodeEntry | None:
    """Return what a code means, None for one that does not exist; upper and lower case are the same."""
    return all_codes().get(code.upper())


def title(code: str) -> str:
    """Return the title of a code; KeyError for one that does not exist."""
    return all_codes()[code].title
