"""Makes the pictures of this folder from a real run, with the program's own views.

    kbootstrap apply --events apply.jsonl dev.yaml
    PYTHONPATH=. python docs/images/make.py apply.jsonl

Writes `apply.svg`, the live region in the middle of the run (the plan that stands before it is left out),
`timeline.svg`, what `apply --timeline` writes about a recorded run, `diagnostics.svg`, what `validate` says
of `wrong.yaml`, `plan.svg` and `danger.svg`, what `plan` shows of recorded plans, and `simulation.svg`, a
simulated load. Without a log `apply.svg` stays as it is; `tests/test_docs.py` makes the others again.
"""

# ruff: noqa: INP001 - a script, in no package

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from kbootstrap.commands import simulate
from kbootstrap.core.events import Event, Type
from kbootstrap.simulation.model import Delays
from kbootstrap.simulation.quantities import Size
from kbootstrap.spec.load import load
from kbootstrap.timeline.spans import read
from kbootstrap.views.diagnostics import show_diagnostics
from kbootstrap.views.live import Live
from kbootstrap.views.plan import show_plan
from kbootstrap.views.simulation_svg import simulation_svg
from kbootstrap.views.timeline_svg import timeline_svg
from tests.plans.changes import BASE, MATRIX
from tests.plans.world import document
from tests.recorded import events
from tests.timeline.run import RECORDED

HERE = Path(__file__).parent
COLUMNS = 84
THEME = TerminalTheme(
    (27, 31, 36),
    (208, 215, 222),
    [
        (72, 79, 88),
        (255, 123, 114),
        (63, 185, 80),
        (210, 153, 34),
        (88, 166, 255),
        (188, 140, 255),
        (57, 197, 207),
        (208, 215, 222),
    ],
)
FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 {width} {height}">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; white-space: pre; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""
"""Of rich, without the font that it would load from another server."""


class Screen(io.StringIO):
    """A terminal that remembers what was written to it."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """Say that people read this."""
        return True


def environment() -> dict[str, str]:
    """Return what a terminal with colours sets."""
    return {"TERM": "xterm-256color", "LANG": "C.UTF-8", "COLUMNS": str(COLUMNS), "LINES": "40"}


def apply_screen(log: Path) -> str:
    """Return what is on the terminal while bits are sent to the agents and the first server starts."""
    screen, now = Screen(), 0.0
    live = Live(screen, environment(), now=lambda: now)
    with live.paused():
        begun = None
        for event in events(log):
            begun = begun or event.time
            now = (event.time - begun).total_seconds()
            live.on_event(event)
            if _shows_most(event):
                break
        live._screen.console.print(live._draw())  # noqa: SLF001 - a still of what it draws
    return screen.getvalue()


def _shows_most(event: Event) -> bool:
    """Return whether this is the moment when an agent gets the program while the first server starts."""
    agent = event.type is Type.PROGRESS and "-default-" in (event.node or "")
    program = "images" not in (event.step or "")
    return agent and program and (event.done or 0) > 0.6 * (event.total or 1)


def diagnostics_screen() -> str:
    """Return what `kbootstrap validate wrong.yaml` shows."""
    os.chdir(HERE)
    screen = Screen()
    show_diagnostics(load(Path("wrong.yaml")).diagnostics, screen, environment(), changed=None)
    return screen.getvalue()


def plan_screen() -> str:
    """Return what `kbootstrap plan` shows of two recorded edits of the tests' spec, as the plan of one."""
    edited = BASE.replace("        nodes: 2\n", "        nodes: 4\n        labels: {team: web}\n", 1)
    screen = Screen()
    show_plan(document("resize-pool", edited), screen, environment())
    return screen.getvalue()


def danger_screen() -> str:
    """Return what `kbootstrap plan` shows where another subnet gives a pool's nodes new machines."""
    screen = Screen()
    show_plan(document("new-subnet", MATRIX["new-subnet"](BASE)), screen, environment())
    return screen.getvalue()


def simulation_picture() -> str:
    """Return the picture of `kbootstrap autoscaler simulate` with the example of `specs/`."""
    specs = HERE.parents[1] / "specs"
    load = specs / "autoscaling-trace.csv"
    done = simulate.run(specs / "autoscaling.yaml", load, None, {}, Size(100, 512 * 2**20), Delays())
    return simulation_svg(
        done.result, f"Cluster {done.cluster}: simulated load of {load.name}", done.currency
    )


def picture(name: str, command: str, said: str) -> str:
    """Return a picture of a command and what it said."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "dim"), command))
    console.print(Text.from_ansi(said.rstrip()))
    return console.export_svg(title="", theme=THEME, code_format=FORMAT, unique_id=name)


def pictures() -> dict[str, str]:
    """Return the pictures that need no run of `apply`, by name."""
    return {
        "simulation": simulation_picture(),
        "timeline": timeline_svg(read(events(RECORDED))),
        "plan": picture("plan", "kbootstrap plan shop.yaml", plan_screen()),
        "danger": picture("danger", "kbootstrap plan shop.yaml", danger_screen()),
        "diagnostics": picture("diagnostics", "kbootstrap validate wrong.yaml", diagnostics_screen()),
    }


def main() -> None:
    """Write all pictures."""
    made = pictures()
    if sys.argv[1:]:
        said = apply_screen(Path(sys.argv[1]).absolute())
        made["apply"] = picture("apply", "kbootstrap apply -y dev.yaml", said)
    for name, svg in made.items():
        (HERE / f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
