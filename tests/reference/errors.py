"""The page of every code of a message, out of the program's own texts."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.core.codes import Entry, all_codes
from tests.reference.markdown import anchor


def page() -> str:
    """Return the page."""
    found = list(all_codes().values())
    lines = [
        "# Codes of messages",
        "",
        "What `kbootstrap explain KBnnnn` says, of every code. A code never changes its meaning.",
        "",
        *(f"- [{entry.code}](#{anchor(_title(entry))}): {entry.title}" for entry in found),
    ]
    for entry in found:
        lines += ["", f"## {_title(entry)}", "", *_text(entry.text)]
    return "\n".join(lines) + "\n"


def _title(entry: Entry) -> str:
    return f"{entry.code} {entry.title}"


def _text(text: str) -> Iterator[str]:
    """Go through a text: lines that begin with two spaces are examples, which become blocks of code."""
    before = ""
    for line in text.splitlines():
        example, was = line.startswith("  "), before.startswith("  ")
        if example != was and before.strip():
            yield ""
        yield f"    {line.strip()}" if example else line.replace("<", "&lt;")
        before = line
