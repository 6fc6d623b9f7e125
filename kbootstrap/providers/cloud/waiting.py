"""Waiting for what a cloud does by itself, in a thread that ends once its result is no longer wanted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from kbootstrap.core.errors import DeadlinePassed, Interrupted

T = TypeVar("T")
GONE = 240.0
"""Seconds for one resource to be gone; load balancers need up to a minute each on busy clouds."""
POLL = 2.0
"""Seconds between two looks."""


class Pass:
    """One pass over resources. Python cannot end a thread, so this one looks whether it still shall go on.

    `stopped` is set when its caller gives up: after Ctrl-C or a deadline nothing more is removed or started.
    """

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped

    def each(self, things: Iterable[T]) -> Iterator[T]:
        """Go through things; raises `Interrupted` before the next one once it shall not go on."""
        for thing in things:
            self.check()
            yield thing

    def check(self) -> None:
        """Raise `Interrupted` once it shall not go on."""
        if self._stopped.is_set():
            raise Interrupted("nobody waits for the cloud any more")

    def settled(self, look: Callable[[], Any], busy: Iterable[str], end: float | None = None) -> Any:  # noqa: ANN401 - any resource
        """Return a resource as soon as its state is none of `busy`; None where it is gone.

        At `end` (monotonic; after `GONE` by default) it is returned as it is.
        """
        end, states = end or time.monotonic() + GONE, frozenset(busy)
        while True:
            now = look()
            if now is None or state(now) not in states or time.monotonic() >= end:
                return now
            self._pause()

    def gone(self, kind: str, things: Iterable[Any], look: Callable[[str], Any]) -> None:
        """Wait until things are gone; `look` gets an ID. Raises `DeadlinePassed` (KB1134) with names."""
        end, left = time.monotonic() + GONE, list(things)
        while left := [thing for thing in left if (now := look(thing.id)) is not None and not deleted(now)]:
            if time.monotonic() >= end:
                names = ", ".join(f"{thing.name or thing.id}" for thing in left)
                raise DeadlinePassed(
                    f"the cloud did not remove within {GONE:.0f} s: {kind} {names}",
                    hint="run `kbootstrap destroy` again; it resumes where it stopped",
                    code="KB1134",
                )
            self._pause()

    def _pause(self) -> None:
        self._stopped.wait(POLL)
        self.check()


def state(thing: Any) -> str:  # noqa: ANN401 - a resource of any kind
    """Return the state that tells whether a resource may be changed; in upper case."""
    return str(getattr(thing, "provisioning_status", None) or getattr(thing, "status", None)).upper()


def deleted(thing: Any) -> bool:  # noqa: ANN401 - a resource of any kind
    """Return whether a resource that the cloud still shows is gone."""
    return state(thing) in {"DELETED", "SOFT_DELETED"}
