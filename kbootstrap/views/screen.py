"""The only module that uses rich's console: blocks of text, with kbootstrap's rules.

Colours are the sixteen of the terminal's own theme and leave out white, black, blue and the bright ones, so
that text can be read on dark and on light backgrounds. Without colour no escape sequence is written at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TextIO

from rich.console import Console, ConsoleDimensions
from rich.text import Text

from kbootstrap.views import terminal
from kbootstrap.views.symbols import ASCII, UNICODE, to_ascii

PROSE = 100
"""Columns. Sentences longer than this are hard to read, however wide the terminal is."""

Part = Text | str | tuple[str, str]
"""A stretch of a line; a tuple has its style."""

_ITEM = "- "
"""Begins an item of a list; its further lines are indented below it."""
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def harmless(text: str) -> str:
    """Remove control characters from text of logs, files and remote machines."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n")))


class _Stream:
    """A text stream for rich that ignores encoding errors and closed pipes."""

    def __init__(self, stream: TextIO, *, plain: bool) -> None:
        self._stream = stream
        self._plain = plain
        self.encoding = stream.encoding or "utf-8"

    def write(self, text: str) -> int:
        shown = to_ascii(text) if self._plain and not text.isascii() else text
        shown = shown.encode(self.encoding, "replace").decode(self.encoding)
        try:
            self._stream.write(shown)
        except (OSError, ValueError):
            return 0
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


class _Console(Console):
    """A console that asks the stream for its size before each output."""

    sized: tuple[TextIO, Mapping[str, str]] | None = None

    @property
    def size(self) -> ConsoleDimensions:
        if self.sized is None:
            return super().size
        return ConsoleDimensions(*terminal.size(*self.sized))

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size


class Screen:
    """The output of a view: a console, its symbols, and methods to print blocks."""

    def __init__(self, stream: TextIO, env: Mapping[str, str]) -> None:
        self.facts = terminal.look_at(stream, env)
        self.symbols = UNICODE if self.facts.unicode else ASCII
        self.console = _Console(
            file=_Stream(stream, plain=not self.facts.unicode),  # type: ignore[arg-type] # the part that is used
            force_terminal=self.facts.live or self.facts.colour,
            force_interactive=self.facts.live,
            color_system="standard" if self.facts.colour else None,
            no_color=not self.facts.colour,
            markup=False,
            emoji=False,
            highlight=False,
            legacy_windows=False,
            _environ=dict(env),
        )
        self.console.sized = (stream, env)

    @property
    def width(self) -> int:
        """The columns of the terminal; in a pipe COLUMNS, or 80."""
        return self.console.width

    @property
    def prose(self) -> int:
        """The columns for sentences."""
        return min(self.width, PROSE)

    def line(self, *parts: Part) -> None:
        """Print one line without wrapping."""
        self.console.print(Text.assemble(*parts), soft_wrap=True)

    def lines(self, lines: Iterable[Text]) -> None:
        """Print lines without wrapping."""
        for line in lines:
            self.line(line)

    def paragraph(self, first: Text | str, text: Text | str, *, indent: int | None = None) -> None:
        """Print sentences wrapped after `first`; further lines are indented below them.

        `indent` overrides the width of `first` for the lines after the first. Line breaks in the text are
        kept, and lines that begin with two spaces are examples: they are not wrapped.
        """
        self.lines(self.wrapped(first, text, indent=indent))

    def wrapped(self, first: Text | str, text: Text | str, *, indent: int | None = None) -> list[Text]:
        """Return the lines of `paragraph`."""
        head = Text.assemble(first)
        body = text if isinstance(text, Text) else Text(harmless(text))
        margin = head.cell_len if indent is None else indent
        more = max(head.cell_len - margin, 0)  # the first line is this much shorter
        room = max(self.prose - margin, 16)
        lines: list[Text] = []
        for part in body.split("\n", allow_blank=True):
            if part.plain.startswith("  "):
                pieces = [part]
            elif lines or more == 0:
                pieces = list(
                    part.wrap(self.console, room - (len(_ITEM) if part.plain.startswith(_ITEM) else 0))
                )
            else:
                pieces = list(Text.assemble("_" * (more - 1), " ", part).wrap(self.console, room))
                pieces[0] = pieces[0][more:]
            hang = margin + (len(_ITEM) if part.plain.startswith(_ITEM) else 0)
            for number, piece in enumerate(pieces or [Text()]):
                before = " " * (hang if number else margin)
                lines.append(Text.assemble(before, piece) if lines else Text.assemble(head, piece))
        for line in lines:
            line.rstrip()
        return lines
