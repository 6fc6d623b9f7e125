"""Carrying out how nodes leave: each by its own steps, servers alone, agents together.

    cordon ─ drain ─ stop the service ─ delete the Node object ─ (the machine goes: somebody else's work)

When pods cannot be moved, the node is given back: it is uncordoned, and nothing else was done to it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from functools import partial

from kbootstrap.cluster.api import Api, patiently
from kbootstrap.cluster.deadlines import COMMAND, ROUND
from kbootstrap.cluster.drain import cordon, drain, uncordon
from kbootstrap.cluster.hands import LEFT, held_file
from kbootstrap.cluster.steps import Cordon, Drain, ForgetNode, HoldService, Step, StopService, WaitJoined
from kbootstrap.cluster.telling import Teller
from kbootstrap.cluster.watch import Watch
from kbootstrap.distros.model import Distribution
from kbootstrap.errors import KbootstrapError
from kbootstrap.events import Emit
from kbootstrap.hosts.model import Host


async def depart(
    node: str,
    steps: Sequence[Step],
    api: Api,
    host: Host | None,
    *,
    cluster: str,
    distro: Distribution,
    seconds: float,
    emit: Emit,
) -> None:
    """Take one node out of its cluster. `host` is None where the machine does not answer.

    `seconds` is how long pods may take to leave. Raises `DeadlinePassed` or `InstallFailed` where they do
    not; then the node is as before, and pods that left have gone elsewhere.
    """
    teller, watch = Teller(cluster, emit), Watch(api)
    for step in steps:
        with teller.told(step) as waiting:
            match step:
                case Cordon():
                    await cordon(api, node)
                case Drain():
                    await _drain(api, node, seconds, waiting)
                case ForgetNode():
                    if step.member and host:
                        await host.run(f"mkdir -p $(dirname {LEFT}) && touch {LEFT}", deadline=COMMAND)
                    await watch.forget(node)
                    await patiently(partial(api.delete_secret, f"{node}.node-password.{distro.name}"))
                case WaitJoined():
                    await watch.joined(node)
                case HoldService() | StopService():
                    await _service(step, host)
                case _:
                    raise TypeError(type(step).__name__)


async def _drain(api: Api, node: str, seconds: float, waiting: Callable[[str], None]) -> None:
    try:
        await drain(api, node, seconds, waiting)
    except KbootstrapError:
        await uncordon(api, node)
        raise


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
        command += f"systemctl kill --signal=KILL {unit}"
    await host.run(command, deadline=COMMAND)
