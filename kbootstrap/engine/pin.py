"""Pins values in the lock file that only the infrastructure knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kbootstrap.engine.context import Context


async def pin(chosen: Sequence[Context], *, upgrade: bool = False) -> tuple[Context, ...]:
    """Return the contexts with a lock that has all pins for all of them. Writes nothing.

    With `upgrade` what is pinned already is looked up again.
    """
    lock = chosen[0].lock
    for one in chosen:
        lock = await one.provider.pin(replace(one.provider_context, lock=lock), upgrade=upgrade)
    return tuple(replace(one, lock=lock) for one in chosen)
