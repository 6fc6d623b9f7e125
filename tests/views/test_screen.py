from __future__ import annotations

import io
import re

from kbootstrap.views.screen import Screen, harmless

from .conftest import GOLDEN, PIPE, shown


def test_text_of_others_cannot_steer_the_terminal() -> None:
    assert harmless("a\x1b[2Jb\x1b]0;title\x07c\x07d\r\ne\x9bf\tg") == "abcd\nef\tg"


def test_letters_that_the_stream_cannot_write() -> None:
    def show(stream: io.TextIOBase, env: object) -> None:
        del env
        Screen(stream, {}).line("é … 日本")  # type: ignore[arg-type]

    assert shown(show, encoding="ascii") == "? ... ??\n"  # type: ignore[arg-type]


def test_a_reader_that_went_away() -> None:
    class Gone(io.TextIOWrapper):
        def write(self, _text: str, /) -> int:
            raise BrokenPipeError

    Screen(Gone(io.BytesIO(), encoding="utf-8"), PIPE).line("nobody reads this")


def test_paragraphs_hang_below_their_first_line() -> None:
    text = shown(lambda stream, env: Screen(stream, env).paragraph("  = help: ", "word " * 20, indent=4))
    first, second = text.splitlines()
    assert first.startswith("  = help: word")
    assert second.startswith("    word")
    assert max(len(first), len(second)) <= 80


def test_examples_are_not_wrapped() -> None:
    text = shown(lambda stream, env: Screen(stream, env).paragraph("", f"Type:\n  {'x ' * 60}\nend"))
    assert len(text.splitlines()) == 3


def test_colours_can_be_read_on_dark_and_on_light() -> None:
    """Red, green, yellow, magenta, cyan of the terminal's own theme; no background, no white, black, blue."""
    readable = {"0", "1", "2", "31", "32", "33", "35", "36"}
    files = sorted(GOLDEN.glob("*-colour.ansi"))
    assert len(files) > 5
    for file in files:
        codes = re.findall(r"\x1b\[([0-9;]*)m", file.read_text(encoding="utf-8"))
        assert {one for code in codes for one in code.split(";")} <= readable, file.name
