"""Carrying out how nodes leave: each by its own steps, servers alone, agents together.

    cordon ─ drain ─ stop the service ─ delete the Node object ─ (the machine goes: somebody else's work)
                                                               └ (one that stays: Kubernetes is taken off it)

When pods cannot be moved, the node is given back: it is uncordoned, and nothing else was done to it. So are
those that were cordoned to leave after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from kbootstrap.cluster.api import Api, patiently
from kbootstrap.cluster.converge.drain import cordon, drain, uncordon
from kbootstrap.cluster.converge.node_actions import LEFT, held_file
from kbootstrap.cluster.converge.reporting import Teller
from kbootstrap.cluster.converge.uninstall import uninstall
from kbootstrap.cluster.converge.watch import Watch
from kbootstrap.cluster.deadlines import COMMAND, ROUND
from kbootstrap.cluster.decide.host_record import RECORD, GiveBack, LeaveMachine, entry
from kbootstrap.cluster.decide.steps import (
    Cordon,
    Drain,
    ForgetNode,
    HoldService,
    Step,
    StopService,
    Uncordon,
    WaitJoined,
)
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.events import Emit
from kbootstrap.distros.model import Distribution
from kbootstrap.hosts.model import Host

STAYS = "it cannot leave now, and stays"
_CLEARING = (Cordon, Drain)
"""Steps that can be taken back."""


async def clear(
    node: str, steps: Sequence[Step], api: Api, *, cluster: str, seconds: float, emit: Emit
) -> None:
    """Take work away from a node, the first part of how it leaves; `seconds` is how long pods may take.

    Raises `DeadlinePassed` or `InstallFailed` where they do not go; then the node is as before, and pods
    that left have gone elsewhere.
    """
    teller = Teller(cluster, emit)
    for step in (step for step in steps if isinstance(step, _CLEARING)):
        try:
            with teller.told(step) as waiting:
                if isinstance(step, Cordon):
                    await cordon(api, node)
                else:
                    await drain(api, node, seconds, waiting)
        except KbootstrapError:
            await give_back({node: steps}, api, cluster=cluster, emit=emit)
            raise


async def give_back(
    nodes: Mapping[str, Sequence[Step]], api: Api, *, cluster: str, emit: Emit, why: str = STAYS
) -> None:
    """Let pods onto nodes again that were cordoned to leave, each with its steps.

    An API that is silent is told, not raised: the next run does it.
    """
    teller = Teller(cluster, emit)

    async def one(name: str) -> None:
        with contextlib.suppress(KbootstrapError), teller.told(Uncordon(node=name, why=why)):
            await uncordon(api, name)

    await asyncio.gather(*(one(n) for n, mine in nodes.items() if any(isinstance(s, Cordon) for s in mine)))


async def depart(
    node: str,
    steps: Sequence[Step],
    api: Api,
    host: Host | None,
    *,
    cluster: str,
    distro: Distribution,
    emit: Emit,
) -> None:
    """Take a node that was cleared out of its cluster. `host` is None where the machine does not answer."""
    teller, watch = Teller(cluster, emit), Watch(api)
    for step in (step for step in steps if not isinstance(step, _CLEARING)):
        with teller.told(step):
            match step:
                case ForgetNode():
                    if step.member and host:
                        await host.run(f"mkdir -p $(dirname {LEFT}) && touch {LEFT}", deadline=COMMAND)
                    await watch.forget(node)
                    await patiently(partial(api.delete_secret, distro.password_secret(node)))
                case WaitJoined():
                    await watch.joined(node)
                case HoldService() | StopService():
                    await _service(step, host)
                case GiveBack() if host is not None:
                    await uninstall(host, distro, cluster)
                    await patiently(partial(api.put_config, RECORD, {node: None}))
                case LeaveMachine():
                    left = entry(replace(step.machine, left=True))
                    await patiently(partial(api.put_config, RECORD, {node: left}))
                case _:
                    raise TypeError(type(step).__name__)


async def _service(step: HoldService | StopService, host: Host | None) -> None:
    """Hold or stop the unit. One that does not stop by itself is killed: its machine is about to go."""
    if host is None:
        return
    unit = shlex.quote(step.unit)
    if isinstance(step, HoldService):
        place = shlex.quote(held_file(step.unit))
        command = f"mkdir -p $(dirname {place}) && printf '[Service]\\nRestart=no\\n' > {place} && "
        command += "systemctl daemon-reload"
    else:
        command = f"systemctl disable --quiet {unit}; timeout {ROUND} systemctl stop {unit} || "
        command += f"systemctl kill --signal=KILL {unit}; timeout {ROUND} sync || :"  # volumes go on
    await host.run(command, deadline=COMMAND)
