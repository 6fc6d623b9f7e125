"""A stream as views get it, and golden texts of what they write."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TextIO

import pytest

GOLDEN = Path(__file__).parent / "golden"
PIPE = {"LANG": "C.UTF-8", "TERM": "xterm-256color"}
Show = Callable[[TextIO, Mapping[str, str]], object]


class Compare(Protocol):
    def check(self, path: Path, text: str) -> None: ...


def shown(show: Show, *, encoding: str = "utf-8", **env: str) -> str:
    """Return what a view writes into a pipe."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    show(stream, {**PIPE, **env})
    stream.seek(0)
    return stream.read()


@pytest.fixture
def in_all_widths(golden: Compare) -> Callable[[str, Show], None]:
    """Compare with golden texts: 80 and 200 columns, colours, ASCII."""

    def check(name: str, show: Show) -> None:
        golden.check(GOLDEN / f"{name}-80.txt", shown(show))
        golden.check(GOLDEN / f"{name}-200.txt", shown(show, COLUMNS="200"))
        golden.check(GOLDEN / f"{name}-ascii.txt", shown(show, LC_ALL="C"))
        golden.check(GOLDEN / f"{name}-colour.ansi", shown(show, FORCE_COLOR="1"))
        assert shown(show, FORCE_COLOR="1", NO_COLOR="1") == shown(show)
        assert "\x1b" not in shown(show)
        assert shown(show, LC_ALL="C").isascii()
        assert shown(show, encoding="latin-1")
        for text in (shown(show), shown(show, COLUMNS="200")):
            assert not [line for line in text.splitlines() if line != line.rstrip()]

    return check
