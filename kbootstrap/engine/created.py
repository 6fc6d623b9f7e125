"""The resources of a cluster that exist so far, while OpenTofu creates more; others wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping


class Created:
    """The IDs of resources by HCL address: those of the state, and those that were created since."""

    def __init__(self, state: Mapping[str, str]) -> None:
        self._ids = dict(state)
        self._changed = asyncio.Event()
        self._ended = False

    def add(self, address: str, one: str) -> None:
        """Record a resource; a `tofu.stream.OnCreated`."""
        self._ids[address] = one
        self._changed.set()

    def end(self) -> None:
        """Record that there will be no more."""
        self._ended = True
        self._changed.set()

    @property
    def ended(self) -> bool:
        """Whether there will be no more."""
        return self._ended

    @property
    def ids(self) -> Mapping[str, str]:
        """The IDs by now."""
        return dict(self._ids)

    async def more(self) -> bool:
        """Wait until something was added since the last call, for one caller; False when there is no more."""
        if not self._ended:
            await self._changed.wait()
            self._changed.clear()
        return not self._ended
