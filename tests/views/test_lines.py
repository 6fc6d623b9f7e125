from __future__ import annotations

from collections.abc import Callable

from kbootstrap.views.lines import Lines

from .conftest import Show
from .play import Clock, run


def test_golden(in_all_widths: Callable[[str, Show], None]) -> None:
    def show(stream: object, env: object) -> None:
        clock = Clock()
        view = Lines(stream, env, now=clock)  # type: ignore[arg-type]
        for seconds, event in run(2, fails=True):
            clock.seconds = seconds
            with view.paused():
                view.on_event(event)
        view.close()

    in_all_widths("lines", show)
