"""How making the node image is told: one step, with what it is at, and the tools' output for the log."""

from __future__ import annotations

from kbootstrap.core.events import Event, Status, Type
from kbootstrap.core.process import OnLine
from kbootstrap.providers.model import Surroundings

STEP = "node image"
_WORTH_TELLING = ("downloading", "extracting", "installing", "creating")


def tell(around: Surroundings, status: Status, detail: str | None, seconds: float | None = None) -> None:
    """Say where the step stands; `seconds` is how long it took, when it is done."""
    cluster = around.space.cluster
    around.emit(
        Event(type=Type.STEP, cluster=cluster, step=STEP, status=status, seconds=seconds, detail=detail)
    )


def log_lines(around: Surroundings) -> OnLine:
    """Return what puts a tool's lines into the log; mmdebstrap's own (`I: …`) say what it is at."""

    def line(text: str) -> None:
        said = text.removeprefix("I: ").rstrip(".")
        if said != text and said.startswith(_WORTH_TELLING):
            tell(around, Status.WAITING, said)
            return
        detail = around.redactor.clean(text)
        around.emit(Event(type=Type.LOG, cluster=around.space.cluster, step=STEP, detail=detail))

    return line
