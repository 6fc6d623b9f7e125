"""Waiting until a node has arrived: Ready, of the wanted version, not from memory, known to its cloud."""

from __future__ import annotations

import asyncio
import time

from kbootstrap.cluster.api import ApiUnavailable
from kbootstrap.cluster.converge.crash_loop import CrashLoop
from kbootstrap.cluster.converge.node_actions import Hands
from kbootstrap.cluster.converge.watch import Watch
from kbootstrap.cluster.deadlines import KNOWN, READY, RESTARTS
from kbootstrap.cluster.decide.steps import WaitKnown, WaitReady
from kbootstrap.cluster.state.model import ApiNode
from kbootstrap.core.errors import DeadlinePassed

_PAUSE = 0.2
"""Seconds between two questions to `Watch`, which itself asks the API less often."""
_LOOK = 10
"""Seconds between two looks at the journal of a node that is not Ready."""
_SUSPICIOUS = 2
"""Restarts of a service that explain why the API is silent."""
_CERTAIN = 4
"""A known cause of failure that is named in this many looks in a row will not pass by waiting."""


async def await_ready(step: WaitReady, watch: Watch, hands: Hands, since: int) -> None:
    """Wait for the node; `since` is when its service was started (epoch, by its own clock), else 0.

    Raises `DeadlinePassed` (KB0816), or earlier `InstallFailed`: when its journal keeps naming a known cause,
    and when its service fails again and again (KB0814).
    """
    trouble, begun = 0, time.monotonic()
    look = begun
    loop, counted = CrashLoop(begun), begun - RESTARTS * step.looping
    while True:
        try:
            node = await watch.node(step.node)
        except ApiUnavailable:  # most likely because the service that answers fails
            loop.limit = _SUSPICIOUS
            await hands.look(step.unit, loop)
            raise
        now = time.monotonic()
        if node and _arrived(node, step, since) and (not step.looping or loop.steady(now)):
            return
        if now - counted >= RESTARTS:
            counted = now
            await hands.look(step.unit, loop)
        if now - begun > READY:
            text = f"not Ready within {READY:.0f} s ({_reason(node, step)})"
            raise await hands.failed(step.unit, text, code="KB0816", kind=DeadlinePassed)
        if now - look > _LOOK:
            look = now
            trouble = trouble + 1 if await hands.trouble(step.unit, _LOOK + 2) else 0
            if trouble >= _CERTAIN:
                raise await hands.failed(step.unit, "the node cannot become Ready", code="KB0816")
        await asyncio.sleep(_PAUSE)


async def await_known(step: WaitKnown, watch: Watch) -> None:
    """Wait until the cloud controller has taken its taint off the node; `DeadlinePassed` (KB0826)."""
    begun = time.monotonic()
    while True:
        node = await watch.node(step.node)
        if node and node.known:
            return
        if time.monotonic() - begun > KNOWN:
            raise DeadlinePassed(
                f"{step.node}: the cloud controller has not found its machine within {KNOWN:.0f} s",
                hint="look at its pods: kubectl -n kube-system get pods -o wide; kubectl -n kube-system logs "
                "daemonset/openstack-cloud-controller-manager",
                code="KB0826",
                host=step.node,
            )
        await asyncio.sleep(_PAUSE)


def _arrived(node: ApiNode, step: WaitReady, since: int) -> bool:
    """Whether a node is Ready since we started it, with the version that was to come."""
    return node.ready_since(since) and node.version == step.version


def _reason(node: ApiNode | None, step: WaitReady) -> str:
    if node is None:
        return "it never registered"
    if node.version != step.version:
        return f"it reports {node.version}"
    return node.reason or "its kubelet has said nothing since the service was started"
