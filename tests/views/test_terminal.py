from __future__ import annotations

import io

import pytest

from kbootstrap.views import terminal


class Tty(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def tty(encoding: str = "utf-8") -> Tty:
    return Tty(io.BytesIO(), encoding=encoding)


@pytest.mark.parametrize(
    ("env", "live", "colour"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"TERM": "xterm", "CI": "true"}, False, True),
        ({"TERM": "xterm", "CI": "false"}, True, True),
        ({"TERM": "dumb"}, False, False),
        ({}, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, False, True),
    ],
)
def test_a_terminal(env: dict[str, str], live: bool, colour: bool) -> None:
    found = terminal.look_at(tty(), env)
    assert (found.live, found.colour) == (live, colour)


@pytest.mark.parametrize("env", [{"TERM": "xterm"}, {"TERM": "xterm", "CI": "1"}])
def test_a_pipe(env: dict[str, str]) -> None:
    found = terminal.look_at(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), env)
    assert not found.live
    assert not found.colour


@pytest.mark.parametrize(
    ("encoding", "env", "unicode"),
    [
        ("utf-8", {}, True),
        ("UTF-8", {"LANG": "de_CH.UTF-8"}, True),
        ("utf-8", {"LANG": "de_CH.utf8@euro"}, True),
        ("utf-8", {"LANG": "C"}, False),
        ("utf-8", {"LC_ALL": "POSIX", "LANG": "de_CH.UTF-8"}, False),
        ("utf-8", {"LANG": "de_CH.ISO8859-1"}, False),
        ("utf-8", {"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ("latin-1", {"LANG": "de_CH.UTF-8"}, False),
        ("utf-8", {"TERM": "linux"}, False),
    ],
)
def test_letters(encoding: str, env: dict[str, str], unicode: bool) -> None:
    assert terminal.look_at(tty(encoding), env).unicode is unicode


def test_size_of_a_pipe() -> None:
    pipe = io.TextIOWrapper(io.BytesIO())
    assert terminal.size(pipe, {}) == (80, 24)
    assert terminal.size(pipe, {"COLUMNS": "200", "LINES": "50"}) == (200, 50)
    assert terminal.size(pipe, {"COLUMNS": "x", "LINES": "-3"}) == (80, 24)
    assert terminal.size(pipe, {"COLUMNS": "1"}) == (20, 24)
