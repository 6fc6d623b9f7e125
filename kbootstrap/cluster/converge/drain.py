"""Drains a node before it leaves: cordons it, evicts its pods, and uncordons it if that fails.

Evictions respect PodDisruptionBudgets: the API server refuses those that would break one (status 429) until
there is room again (Kubernetes: "API-initiated Eviction"). Pods of DaemonSets and static pods stay.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from kbootstrap.cluster.api.model import Api
from kbootstrap.cluster.api.observe import patiently
from kbootstrap.cluster.deadlines import WORKLOADS
from kbootstrap.cluster.state.labels import LEAVING
from kbootstrap.cluster.state.pods import Pod, Workloads, on_node
from kbootstrap.core.errors import DeadlinePassed, InstallFailed

_POLL = 1.0
"""Seconds between two looks at the pods of a node."""
_NAMED = 5
"""Pods that a message names; more are counted."""
Waiting = Callable[[str], None]


async def cordon(api: Api, node: str) -> None:
    """Keep new pods away from a node, and record that kbootstrap cordoned it."""
    patch = {"metadata": {"annotations": {LEAVING: "true"}}, "spec": {"unschedulable": True}}
    await patiently(partial(api.patch_node, node, patch))


async def uncordon(api: Api, node: str) -> None:
    """Allow pods on a node again."""
    patch = {"metadata": {"annotations": {LEAVING: None}}, "spec": {"unschedulable": None}}
    await patiently(partial(api.patch_node, node, patch))


async def drain(api: Api, node: str, seconds: float, waiting: Waiting) -> None:
    """Evict the pods of a node and wait until none remains.

    Raises `InstallFailed` (KB0850) for pods that no controller would create again, before any is evicted, and
    `DeadlinePassed` (KB0851) with the pods that remain after `seconds`, and what blocks them.
    """
    begun, blocked = time.monotonic(), dict[str, str]()
    while pods := [pod for pod in await patiently(partial(api.pods, node)) if pod.moves]:
        if alone := [pod for pod in pods if pod.owner is None and not pod.terminating]:
            raise _alone(node, alone)
        for pod in pods:
            if not pod.terminating:
                blocked[str(pod)] = await patiently(partial(api.evict, pod.namespace, pod.name))
        left = [str(pod) for pod in pods]
        if time.monotonic() - begun > seconds:
            raise _stuck(node, left, blocked, seconds)
        waiting(f"{_names(left)} still there")
        await asyncio.sleep(_POLL)


async def workloads(api: Api, node: str, *, stays: bool) -> Workloads:
    """Return the workloads on a node, for a later comparison; `stays`: including pods bound to the node."""
    return on_node(node, await patiently(api.pods), stays=stays)


async def await_workloads(api: Api, node: str, before: Workloads, waiting: Waiting) -> None:
    """Wait until everything that ran on `node` is ready again; `DeadlinePassed` (KB0852) says what is not.

    What was deleted or got fewer replicas meanwhile is compared with what it is now.
    """
    begun = time.monotonic()
    while missing := await _missing(api, before):
        if time.monotonic() - begun > WORKLOADS:
            raise DeadlinePassed(
                f"{node}: its workloads are not ready again within {WORKLOADS:.0f} s: {_names(missing)}",
                hint="see the reason: kubectl get pods -A -o wide; no other node is changed until they "
                "are ready, or until apply is run again: it accepts the state at that time",
                code="KB0852",
                host=node,
            )
        waiting(f"{_names(missing)}")
        await asyncio.sleep(_POLL)


async def _missing(api: Api, before: Workloads) -> tuple[str, ...]:
    pods = await patiently(api.pods)
    # The number after the pods: a pod that an autoscaler has removed in between is not missing.
    scale = {owner: await patiently(partial(api.replicas, owner)) for owner in before.fewer(pods)}
    return before.missing(pods, scale)


def _alone(node: str, pods: Sequence[Pod]) -> InstallFailed:
    return InstallFailed(
        f"{node}: no controller would start these pods elsewhere: {_names([str(pod) for pod in pods])}",
        hint=f"delete them, or have a Deployment run them: kubectl -n {pods[0].namespace} delete pod "
        f"{pods[0].name}; then run apply again",
        code="KB0850",
        host=node,
    )


def _stuck(node: str, left: Sequence[str], blocked: Mapping[str, str], seconds: float) -> DeadlinePassed:
    why = [f"{pod}: {blocked[pod]}" for pod in left if blocked.get(pod)]
    return DeadlinePassed(
        f"{node}: its pods were not evicted within {seconds:.0f} s: {_names(left)}",
        detail="\n".join(why) or None,
        hint="give the disruption budget room (more replicas, or a lower minAvailable: "
        "kubectl get pdb -A), or wait "
        "longer with --drain-timeout; then run the same command again",
        code="KB0851",
        host=node,
    )


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
