"""Status that is followed: on a terminal, in a pipe, by a program."""

from __future__ import annotations

import io
import json
import os
import pty
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TextIO

import pytest

from kbootstrap.engine.cluster_status import ClusterStatus
from kbootstrap.views.watch import BlockWatch, JsonWatch, ScreenWatch, choose

from .conftest import PIPE
from .samples import CLUSTERS, NOW

LATER = NOW + timedelta(seconds=5)
GOOD, BAD, _ = CLUSTERS


def pipe() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


def said(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def test_a_program_gets_a_line_for_each_change() -> None:
    stream = pipe()
    view = choose("json", "dev", 5.0, stream, PIPE)
    assert isinstance(view, JsonWatch)
    aged = replace(GOOD, snapshots=replace(GOOD.snapshots, now=LATER)) if GOOD.snapshots else GOOD
    for clusters, now in (([GOOD], NOW), ([aged], LATER), ([GOOD, BAD], LATER), ([GOOD], LATER)):
        view.show(clusters, now)
    view.close()
    documents = [json.loads(line) for line in said(stream).splitlines()]
    assert [(one["time"], len(one["clusters"])) for one in documents] == [
        ("2026-11-26T12:00:00Z", 1),
        ("2026-11-26T12:00:05Z", 2),
        ("2026-11-26T12:00:05Z", 1),
    ]


def test_a_pipe_gets_a_block_for_each_change() -> None:
    stream = pipe()
    view = choose("human", "dev", 5.0, stream, PIPE)
    assert isinstance(view, BlockWatch)
    for clusters, now in (([GOOD], NOW), ([GOOD], LATER), ([BAD], LATER)):
        view.show(clusters, now)
    view.close()
    lines = said(stream).splitlines()
    assert [line for line in lines if line.endswith("UTC") and line[0].isdigit()] == [
        "2026-11-26 12:00:00 UTC",
        "2026-11-26 12:00:05 UTC",
    ]
    assert lines[1].endswith("https://127.0.0.1:21234")
    assert lines.count("") == 1


def test_the_reader_of_a_pipe_may_go_away() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        os.close(reading)
        view = choose("human", "dev", 5.0, stream, PIPE)
        with pytest.raises(BrokenPipeError):
            view.show([GOOD], NOW)
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def test_a_terminal_of_a_service_gets_blocks() -> None:
    """CI jobs have terminals, and logs."""
    with terminal() as (stream, _):
        assert isinstance(choose("human", "dev", 5.0, stream, {**PIPE, "CI": "1"}), BlockWatch)


class terminal:  # noqa: N801 - reads as a function
    """A real terminal of 80 columns and so many lines."""

    def __init__(self, height: int = 24) -> None:
        self._height = height

    def __enter__(self) -> tuple[TextIO, int]:
        self._ours, theirs = pty.openpty()
        import fcntl
        import struct
        import termios

        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", self._height, 80, 0, 0))
        os.set_blocking(self._ours, False)
        self._stream = os.fdopen(theirs, "w", encoding="utf-8")
        return self._stream, self._ours

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        os.close(self._ours)


def read(ours: int) -> str:
    found = b""
    while True:
        try:
            found += os.read(ours, 65536)
        except BlockingIOError:
            return found.decode()


def frames(text: str) -> Iterator[list[str]]:
    """Yield what was drawn each time, without colours."""
    for frame in text.split("\x1b[H")[1:]:
        yield [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line).rstrip() for line in frame.splitlines()]


def drawn(clusters: list[ClusterStatus], height: int) -> tuple[list[str], str]:
    """Return the last drawing, and what was written after it."""
    with terminal(height) as (stream, ours):
        view = choose("human", "dev", 5.0, stream, PIPE)
        assert isinstance(view, ScreenWatch)
        view.show(clusters, NOW)
        before = read(ours)
        view.close()
        after = read(ours)
    found = list(frames(before))
    assert ["looking at the nodes…"] in [[line for line in frame if line] for frame in found]
    return found[-1], after


def test_a_terminal_is_redrawn_and_restored() -> None:
    lines, after = drawn([GOOD], 24)
    assert lines[0] == "✓ local  local, v1.32.0+k3s1, https://127.0.0.1:21234"
    assert "12:00:00 UTC, every 5 s; Ctrl-C ends" in lines
    assert "\x1b[?1049l" in after, "the screen of before"
    assert "\x1b[?25h" in after, "the cursor"
    assert "local-control-plane-1" in after.rpartition("\x1b[?1049l")[2], "what was seen last stays"


def test_what_does_not_fit_is_counted() -> None:
    """First the nodes that are as wanted give way, then the end is cut."""
    lines, _ = drawn([replace(GOOD, rows=GOOD.rows * 20)], 12)
    assert "  … 40 other nodes as wanted" in lines
    assert len([line for line in lines if line]) <= 12
    lines, _ = drawn([BAD], 12)
    assert lines[9].startswith("… ")
    assert lines[9].endswith(" more lines")
    assert lines[11] == "12:00:00 UTC, every 5 s; Ctrl-C ends"
