"""The symbols of views. Each has an ASCII form for terminals and locales without Unicode."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Symbols:
    """One set of symbols. `spinner` has the frames; `bar` the filled and the empty character."""

    done: str
    failed: str
    warning: str
    waiting: str
    skipped: str
    spinner: str
    bar: tuple[str, str]
    dot: str
    ellipsis: str
    rule: str
    quote: str
    create: str
    update: str
    replace: str
    delete: str


UNICODE = Symbols(
    done="✓",
    failed="✗",
    warning="!",
    waiting="·",
    skipped="-",
    spinner="⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏",
    bar=("━", "─"),
    dot="·",
    ellipsis="…",
    rule="─",
    quote="│",
    create="+",
    update="~",
    replace="±",
    delete="−",  # noqa: RUF001 - the minus sign, as wide as the plus
)
ASCII = Symbols(
    done="*",
    failed="x",
    warning="!",
    waiting=".",
    skipped="-",
    spinner="|/-\\",
    bar=("#", "-"),
    dot="-",
    ellipsis="~",
    rule="-",
    quote="|",
    create="+",
    update="~",
    replace="%",
    delete="-",
)

_PLAIN = str.maketrans(
    {
        "…": "...",
        "–": "-",  # noqa: RUF001
        "—": "-",
        "−": "-",  # noqa: RUF001
        "·": "-",
        "•": "*",
        "→": "->",
        "×": "x",  # noqa: RUF001
        "±": "+/-",
        "≥": ">=",
        "≤": "<=",
        "“": '"',
        "”": '"',
        "‘": "'",  # noqa: RUF001
        "’": "'",  # noqa: RUF001
        "✓": "*",
        "✗": "x",
        "│": "|",
        "─": "-",
        "━": "#",
    }
)


def to_ascii(text: str) -> str:
    """Replace kbootstrap's own symbols; any other character outside ASCII becomes a question mark."""
    return text.translate(_PLAIN).encode("ascii", "replace").decode("ascii")
