"""Waits for a node: Ready since its service started, with the wanted version, known to its cloud."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from kbootstrap.cluster.api.model import ApiUnavailable
from kbootstrap.cluster.converge.crash_loop import CrashLoop
from kbootstrap.cluster.converge.node_actions import NodeActions
from kbootstrap.cluster.converge.watch import NodeWatch
from kbootstrap.cluster.deadlines import KNOWN, READY, RESTARTS
from kbootstrap.cluster.state.api_facts import ApiNode
from kbootstrap.core.errors import DeadlinePassed

_PAUSE = 0.2
"""Seconds between two questions to `NodeWatch`, which itself asks the API less often."""
_LOOK = 10
"""Seconds between two looks at the journal of a node that is not Ready, and at the servers it waits for."""
_SUSPICIOUS = 2
"""Restarts of a service that explain why the API is silent."""
_CERTAIN = 4
"""A known cause of failure that is in the journal this many times in a row does not pass by waiting."""


async def await_ready(
    name: str,
    unit: str,
    version: str,
    *,
    watch: NodeWatch,
    machine: NodeActions,
    since: int,
    looping: bool = False,
    servers: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Wait for the node; `since` is when its service was started (epoch, by its own clock), else 0.

    Raises `DeadlinePassed` (KB0816), or earlier `InstallFailed`: when its journal keeps naming a known cause,
    and when its service is crash-looping (KB0814). `servers` is asked now and then: it raises when the node
    waits for servers that cannot answer it.
    """
    trouble, begun = 0, time.monotonic()
    look = begun
    loop, counted = CrashLoop(begun), begun - RESTARTS * looping
    while True:
        try:
            node = await watch.node(name)
        except ApiUnavailable:  # most likely because the service that answers fails
            loop.limit = _SUSPICIOUS
            await machine.look(unit, loop)
            raise
        now = time.monotonic()
        if node and _arrived(node, version, since) and (not looping or loop.steady(now)):
            return
        if now - counted >= RESTARTS:
            counted = now
            await machine.look(unit, loop)
        if now - begun > READY:
            text = f"not Ready within {READY:.0f} s ({_reason(node, version)})"
            raise await machine.failed(unit, text, code="KB0816", kind=DeadlinePassed)
        if now - look > _LOOK:
            look = now
            trouble = trouble + 1 if await machine.trouble(unit, _LOOK + 2) else 0
            if trouble >= _CERTAIN:
                raise await machine.failed(unit, "the node cannot become Ready", code="KB0816")
            if servers:
                await servers()
        await asyncio.sleep(_PAUSE)


async def await_known(name: str, watch: NodeWatch, controller: str = "") -> None:
    """Wait until the cloud controller has removed its taint from the node; `DeadlinePassed` (KB0826)."""
    begun = time.monotonic()
    while True:
        node = await watch.node(name)
        if node and node.known:
            return
        if time.monotonic() - begun > KNOWN:
            logs = f"; kubectl -n kube-system logs {controller}" if controller else ""
            raise DeadlinePassed(
                f"{name}: the cloud controller did not find its machine within {KNOWN:.0f} s",
                hint=f"look at its pods: kubectl -n kube-system get pods -o wide{logs}",
                code="KB0826",
                host=name,
            )
        await asyncio.sleep(_PAUSE)


def _arrived(node: ApiNode, version: str, since: int) -> bool:
    """Whether a node is Ready since its service was started, with the wanted version."""
    return node.ready_since(since) and node.version == version


def _reason(node: ApiNode | None, version: str) -> str:
    if node is None:
        return "it never registered"
    if node.version != version:
        return f"it reports {node.version}"
    return node.reason or "its kubelet has not reported since the service was started"
