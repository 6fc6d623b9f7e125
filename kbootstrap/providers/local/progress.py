"""Reports steps of the provider, first of all the node image, and the output of its tools for the log."""

from __future__ import annotations

from kbootstrap.core.events import Event, Status, Type
from kbootstrap.core.process import OnLine
from kbootstrap.providers.context import ProviderContext

STEP = "node image"
_REPORTED = ("downloading", "extracting", "installing", "creating")


def report(
    context: ProviderContext,
    status: Status,
    detail: str | None = None,
    seconds: float | None = None,
    *,
    step: str = STEP,
) -> None:
    """Report the status of a step. `seconds` is its duration, once it is done."""
    cluster = context.space.cluster
    context.emit(
        Event(type=Type.STEP, cluster=cluster, step=step, status=status, seconds=seconds, detail=detail)
    )


def log_lines(context: ProviderContext) -> OnLine:
    """Return a function that logs the output lines of a tool. Lines of mmdebstrap (`I: …`) are progress."""

    def line(text: str) -> None:
        message = text.removeprefix("I: ").rstrip(".")
        if message != text and message.startswith(_REPORTED):
            report(context, Status.WAITING, message)
            return
        detail = context.redactor.clean(text)
        context.emit(Event(type=Type.LOG, cluster=context.space.cluster, step=STEP, detail=detail))

    return line
