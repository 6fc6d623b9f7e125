from __future__ import annotations

import io
import subprocess
import sys

from kbootstrap.views.jsonl import JsonLines
from kbootstrap.views.lines import Lines
from kbootstrap.views.live import Live
from kbootstrap.views.view import View, choose

from .test_terminal import tty


def test_choice() -> None:
    pipe = io.StringIO()
    terminal = {"TERM": "xterm"}
    assert isinstance(choose("json", pipe, tty(), terminal), JsonLines)
    assert isinstance(choose("human", pipe, tty(), terminal), Live)
    assert isinstance(choose("human", pipe, tty(), {**terminal, "CI": "1"}), Lines)
    assert isinstance(choose("human", pipe, tty(), {"TERM": "dumb"}), Lines)
    chosen: View = choose("human", tty(), pipe, terminal)
    assert isinstance(chosen, Lines)


def test_rich_is_imported_only_when_it_is_used() -> None:
    code = "import sys, kbootstrap.views.view, kbootstrap.views.jsonl; sys.exit('rich' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
