"""Waits for nodes: many callers, one request to the API at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial

from kbootstrap.cluster.api.model import Api, ApiUnavailable
from kbootstrap.cluster.api.observe import patiently
from kbootstrap.cluster.deadlines import API, FORGET, JOINED, POLL, RECONCILE
from kbootstrap.cluster.state import labels
from kbootstrap.cluster.state.api_facts import ApiNode
from kbootstrap.core.concurrency import run_all
from kbootstrap.core.errors import DeadlinePassed
from kbootstrap.spec.model import Taint

_FEW = 16
"""Nodes are read one by one where that is at most one in so many: the list of 500 nodes is 3 MB."""


class NodeWatch:
    """Reads the Node objects on request, at most every `POLL` seconds, less often when answers are slow.

    `network`: whether the pod network must work for a node to count as Ready. `_asked` are the nodes that
    were asked for since the last look, so those that something waits for.
    """

    def __init__(self, api: Api, *, network: bool = True) -> None:
        self._api, self._network = api, network
        self._lock = asyncio.Lock()
        self._nodes: dict[str, ApiNode] = {}
        self._asked: set[str] = set()
        self._next = 0.0
        self._silent_since: float | None = None

    async def node(self, name: str, *, fresh: bool = False) -> ApiNode | None:
        """Return a recent copy of a Node; None if it does not exist, or while the API does not answer.

        Raises `ApiUnavailable` when the API has not answered for `API` seconds.
        """
        if fresh:
            await self._patiently(self._read(name))
            return self._nodes.get(name)
        self._asked.add(name)
        async with self._lock:
            begun = time.monotonic()
            if begun >= self._next:
                few = len(self._asked) * _FEW <= len(self._nodes)
                names, self._asked = self._asked, {name}
                await self._patiently(self._read_each(names) if few else self._read_all())
                now = time.monotonic()
                self._next = now + max(POLL * 0.8, 3 * (now - begun))
        return self._nodes.get(name)

    async def _read_all(self) -> None:
        self._nodes = {node.name: self._seen(node) for node in await self._api.nodes()}

    async def _read(self, name: str) -> None:
        found = await self._api.node(name)
        self._nodes.pop(name, None)
        if found:
            self._nodes[name] = self._seen(found)

    def _seen(self, node: ApiNode) -> ApiNode:
        return node if self._network else node.without_network()

    async def _read_each(self, names: Iterable[str]) -> None:
        await run_all(map(self._read, names))

    async def _patiently(self, look: Awaitable[None]) -> None:
        begun = time.monotonic()
        try:
            await look
            self._silent_since = None
        except ApiUnavailable:
            self._silent_since = self._silent_since or begun
            if time.monotonic() - self._silent_since > API:
                raise

    async def reconcile(self, name: str, wanted: Mapping[str, str], taints: tuple[Taint, ...]) -> None:
        """Set labels and taints; retry if another client changes the Node at the same time."""
        try:
            async with asyncio.timeout(RECONCILE):
                while not await self._try(name, wanted, taints):  # noqa: ASYNC110 - there is no event
                    await asyncio.sleep(POLL)
        except TimeoutError:
            raise self._late(name, f"labels and taints were not set within {RECONCILE:.0f} s") from None

    async def _try(self, name: str, wanted: Mapping[str, str], taints: tuple[Taint, ...]) -> bool:
        node = await self.node(name, fresh=True)
        if node is None:
            return False
        change = labels.patch(node, wanted, taints)
        return change is None or await patiently(partial(self._api.patch_node, name, change))

    async def joined(self, name: str) -> None:
        """Wait until the Node exists."""
        try:
            async with asyncio.timeout(JOINED):
                while await self.node(name, fresh=True) is None:  # noqa: ASYNC110 - there is no event
                    await asyncio.sleep(POLL)
        except TimeoutError:
            raise DeadlinePassed(
                f"{name} is to be removed before it joined, and has no Node within {JOINED:.0f} s",
                hint=f"look why: kbootstrap ssh {name} -- sudo journalctl -n 200; stop the service there if "
                "it never joined: then the same command removes the machine",
                code="KB0816",
                host=name,
            ) from None

    async def forget(self, name: str, stopped: Callable[[], Awaitable[bool]] | None = None) -> None:
        """Delete a Node and wait until it no longer exists.

        The controller that removes a server from etcd runs on one of the servers. When `stopped` says that
        this server has ended, the others may take what it held, and need not wait until that expires.
        """
        try:
            async with asyncio.timeout(FORGET):
                await patiently(partial(self._api.delete_node, name))
                while await self.node(name, fresh=True):
                    if stopped and await stopped():
                        await patiently(partial(self._api.release_leases, name))
                        stopped = None
                    await asyncio.sleep(POLL)
        except TimeoutError:
            raise self._late(name, f"its old Node object was not gone within {FORGET:.0f} s") from None

    @staticmethod
    def _late(name: str, text: str) -> DeadlinePassed:
        return DeadlinePassed(
            f"{name}: {text}", hint=f"kubectl describe node {name}", code="KB0816", host=name
        )
