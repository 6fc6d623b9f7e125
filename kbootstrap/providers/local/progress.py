"""How making the node image is told: one step, with what it is at, and the tools' output for the log."""

from __future__ import annotations

from kbootstrap.core.events import Event, Status, Type
from kbootstrap.core.process import OnLine
from kbootstrap.providers.context import ProviderContext

STEP = "node image"
_WORTH_TELLING = ("downloading", "extracting", "installing", "creating")


def tell(context: ProviderContext, status: Status, detail: str | None, seconds: float | None = None) -> None:
    """Say where the step stands; `seconds` is how long it took, when it is done."""
    cluster = context.space.cluster
    context.emit(
        Event(type=Type.STEP, cluster=cluster, step=STEP, status=status, seconds=seconds, detail=detail)
    )


def log_lines(context: ProviderContext) -> OnLine:
    """Return what puts a tool's lines into the log; mmdebstrap's own (`I: …`) say what it is at."""

    def line(text: str) -> None:
        said = text.removeprefix("I: ").rstrip(".")
        if said != text and said.startswith(_WORTH_TELLING):
            tell(context, Status.WAITING, said)
            return
        detail = context.redactor.clean(text)
        context.emit(Event(type=Type.LOG, cluster=context.space.cluster, step=STEP, detail=detail))

    return line
