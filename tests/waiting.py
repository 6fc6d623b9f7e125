"""Waiting for what happens beside a test: in a process, or in a task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], *, seconds: float) -> bool:
    """Return whether a condition holds within so many seconds; it is asked in a thread."""
    for _ in range(round(seconds / 0.02)):
        if await asyncio.to_thread(condition):
            return True
        await asyncio.sleep(0.02)
    return False
