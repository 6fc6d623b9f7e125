"""The live region on real pseudo-terminals."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import pytest
from rich.cells import cell_len

from kbootstrap.core.events import Event, Status, Type
from kbootstrap.views.live import Live

from .play import Clock, run

ENV = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
STYLE = re.compile(r"\x1b\[[0-9;]*m")
OTHER = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SPINNER = set("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
UP = "\x1b[1A\x1b[2K"


class Pty:
    """A terminal of some size; `text` is everything that was written to it."""

    def __init__(self, stream: TextIO, master: int) -> None:
        self.stream = stream
        self._master = master
        self._said = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while piece := os.read(self._master, 65536):
                self._said += piece
        except OSError:
            return

    @property
    def text(self) -> str:
        if not self.stream.closed:
            self.stream.close()
        self._reader.join()
        return self._said.decode()

    def wait_for(self, part: str) -> None:
        end = time.monotonic() + 10
        while part.encode() not in self._said:
            assert time.monotonic() < end, f"{part!r} was never drawn:\n{self._said.decode()}"
            time.sleep(0.02)


@contextmanager
def pty(columns: int, lines: int) -> Iterator[Pty]:
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    stream = os.fdopen(slave, "w", encoding="utf-8")
    terminal = Pty(stream, master)
    try:
        yield terminal
    finally:
        assert terminal.text is not None
        os.close(master)


def plain(text: str) -> str:
    return STYLE.sub("", text)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_run(columns: int) -> None:
    clock = Clock()
    with pty(columns, 24) as terminal:
        view = Live(terminal.stream, ENV, now=clock)
        for seconds, event in run(2, fails=True):
            clock.seconds = seconds
            view.on_event(event)
            if seconds == 40 and event.node == "dev-web-2":
                terminal.wait_for("92%")
        view.close()
        view.close()
        text = terminal.text
    assert text.count(HIDE) == text.count(SHOW) > 0
    assert text.rindex(SHOW) > text.rindex(HIDE)
    drawn = [OTHER.sub("", line) for piece in plain(text).split("\r\n") for line in piece.split("\r")]
    assert max(cell_len(line) for line in drawn if line[:1] in SPINNER) < columns
    assert "✓ dev: infrastructure  3.0s  2 created" in plain(text)
    assert "✗ dev: nodes  48s" in plain(text)
    assert "✗ dev-web-2  start k3s-agent.service  exit status 1 second line" in plain(text)
    assert "a line of a tool" not in text


def test_a_hundred_nodes_fit() -> None:
    clock = Clock()
    with pty(80, 24) as terminal:
        view = Live(terminal.stream, ENV, now=clock)
        for seconds, event in run(100, fails=True):
            clock.seconds = seconds
            view.on_event(event)
            if seconds == 50:
                time.sleep(0.3)
                terminal.wait_for("✗")
        view.close()
        text = terminal.text
    frames = re.findall(f"(?:{re.escape(UP)})+", text)
    assert max(frame.count(UP) for frame in frames) < 19
    assert re.search(r"… \d+ others: \d+ waiting", plain(text))
    failing = plain(text).rindex("✗ dev-web-100  start")
    assert plain(text).index("✗ dev-web-100") < failing


def test_no_colour_and_ascii() -> None:
    clock = Clock()
    with pty(80, 24) as terminal:
        view = Live(terminal.stream, {**ENV, "NO_COLOR": "1", "LC_ALL": "C"}, now=clock)
        for seconds, event in run(2):
            clock.seconds = seconds
            view.on_event(event)
            if seconds == 40 and event.node == "dev-web-2":
                terminal.wait_for("92%")
        view.close()
        text = terminal.text
    assert not STYLE.search(text)
    assert text.isascii()
    assert "###########-" in text
    assert "* dev: nodes  48s" in text


def test_a_question_has_the_terminal_for_itself() -> None:
    with pty(80, 24) as terminal:
        clock = Clock()
        view = Live(terminal.stream, ENV, now=clock)
        view.on_event(Event(type=Type.PHASE, phase="plan", status=Status.STARTED))
        terminal.wait_for("plan")
        with view.paused():
            terminal.stream.write("QUESTION")
            terminal.stream.flush()
            view.on_event(Event(type=Type.STEP, step="still running", status=Status.STARTED))
            time.sleep(0.4)
            terminal.stream.write("ANSWER\n")
        clock.seconds = 4
        view.close()
        text = terminal.text
    assert "QUESTIONANSWER" in text
    assert text.index(SHOW) < text.index("QUESTION")
    assert "! plan  4.0s  stopped" in plain(text)


def test_without_phases_nothing_is_drawn() -> None:
    with pty(80, 24) as terminal:
        view = Live(terminal.stream, ENV)
        with view.paused():
            pass
        view.close()
        view.on_event(Event(type=Type.PHASE, phase="late", status=Status.DONE))
        assert terminal.text == ""


def test_drawing_and_printing_do_not_wait_for_each_other() -> None:
    with pty(80, 24) as terminal:
        view = Live(terminal.stream, ENV)
        for number in range(300):
            for status in (Status.STARTED, Status.DONE):
                view.on_event(Event(type=Type.PHASE, phase="always", status=Status.STARTED))
                view.on_event(Event(type=Type.PHASE, phase=f"phase {number}", status=status))
                time.sleep(0.001)
        view.close()
        assert plain(terminal.text).count("✓ phase") == 300


@pytest.mark.parametrize(("clusters", "lines"), [(3, 24), (8, 24), (8, 12), (30, 24), (3, 4)])
def test_several_clusters_fit_and_stay_together(clusters: int, lines: int) -> None:
    names = [f"c{number:02}" for number in range(clusters)]
    clock = Clock()
    with pty(80, lines) as terminal:
        view = Live(terminal.stream, ENV, now=clock)
        for name in names:
            view.on_event(Event(type=Type.PHASE, cluster=name, phase="plan", status=Status.STARTED))
        for name in reversed(names):  # the later ones are ahead
            view.on_event(Event(type=Type.PHASE, cluster=name, phase="connect", status=Status.STARTED))
            for node in range(20):
                view.on_event(
                    Event(
                        type=Type.STEP, cluster=name, node=f"{name}-{node}", step="x", status=Status.STARTED
                    )
                )
        time.sleep(0.4)
        clock.seconds = 7
        terminal.wait_for(" 7s")
        frame = [line.plain for line in view._draw().renderables]  # type: ignore[union-attr]
        view.close()
        text = terminal.text
    counts = [part.count(UP) for part in re.findall(f"(?:{re.escape(UP)})+", text)]
    assert len(frame) <= lines * 3 // 4
    assert max(counts) < lines
    heads = [line[2:5] for line in frame if line[:1] in SPINNER]
    assert heads == sorted(heads), "the order of the spec, and phases of a cluster together"
    if clusters <= lines * 3 // 4:
        assert [*dict.fromkeys(heads)] == names
    else:
        assert re.fullmatch(r"… \d+ other clusters", frame[-1])


def test_a_remark_names_its_cluster_if_there_are_several() -> None:
    with pty(80, 24) as terminal:
        view = Live(terminal.stream, ENV)
        for name in ("one", "two"):
            view.on_event(Event(type=Type.PHASE, cluster=name, phase="plan", status=Status.DONE))
            view.on_event(Event(type=Type.DIAGNOSTIC, cluster=name, detail=f"said of {name}"))
        view.close()
        assert "! said of one" in plain(terminal.text)
        assert "! two: said of two" in plain(terminal.text)
