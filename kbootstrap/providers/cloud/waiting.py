"""Waits for operations of a cloud, in a thread that stops when its caller is cancelled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from kbootstrap.core.errors import DeadlinePassed, Interrupted
from kbootstrap.core.pauses import growing

T = TypeVar("T")
GONE = 240.0
"""Seconds for the deletion of one resource; load balancers need up to a minute each on busy clouds."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 2.0
"""Seconds between two requests; the pause grows from the first value to the second."""


class CancellableWait:
    """Loops and waits that stop on cancellation. Python cannot end a thread, so the thread checks an event.

    `stopped` is set when the caller is cancelled: after Ctrl-C or a deadline nothing more is deleted or
    started.
    """

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped

    def each(self, things: Iterable[T]) -> Iterator[T]:
        """Iterate over things. Raises `Interrupted` before the next one after cancellation."""
        for thing in things:
            self.check()
            yield thing

    def check(self) -> None:
        """Raise `Interrupted` after cancellation."""
        if self._stopped.is_set():
            raise Interrupted("the operation in the cloud was cancelled")

    def until_settled(self, look: Callable[[], Any], busy: Iterable[str], end: float | None = None) -> Any:  # noqa: ANN401 - any resource
        """Return a resource as soon as its state is none of `busy`; None if it no longer exists.

        At `end` (monotonic; after `GONE` by default) returns it in its current state.
        """
        end, states = end or time.monotonic() + GONE, frozenset(busy)
        pauses = growing(_FIRST_PAUSE, _LONGEST_PAUSE)
        while True:
            now = look()
            if now is None or state(now) not in states or time.monotonic() >= end:
                return now
            self._pause(next(pauses))

    def until_deleted(self, kind: str, things: Iterable[Any], look: Callable[[str], Any]) -> None:
        """Wait until things are deleted; `look` takes an ID. Raises `DeadlinePassed` (KB1134) with names."""
        end, left = time.monotonic() + GONE, list(things)
        pauses = growing(_FIRST_PAUSE, _LONGEST_PAUSE)
        while left := [thing for thing in left if (now := look(thing.id)) is not None and not deleted(now)]:
            if time.monotonic() >= end:
                names = ", ".join(f"{thing.name or thing.id}" for thing in left)
                raise DeadlinePassed(
                    f"the cloud did not delete within {GONE:.0f} s: {kind} {names}",
                    hint="run `kbootstrap destroy` again; it resumes the deletion",
                    code="KB1134",
                )
            self._pause(next(pauses))

    def _pause(self, seconds: float) -> None:
        self._stopped.wait(seconds)
        self.check()


def state(thing: Any) -> str:  # noqa: ANN401 - a resource of any kind
    """Return the state that determines whether a resource can be changed, in upper case."""
    return str(getattr(thing, "provisioning_status", None) or getattr(thing, "status", None)).upper()


def deleted(thing: Any) -> bool:  # noqa: ANN401 - a resource of any kind
    """Return whether a resource that the cloud still lists is deleted."""
    return state(thing) in {"DELETED", "SOFT_DELETED"}
