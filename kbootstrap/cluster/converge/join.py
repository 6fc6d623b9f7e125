"""Lets one agent join a cluster that runs, through its API and the agents' token; servers are not contacted.

The stages are those of an agent in `converge`. Many nodes may join at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kbootstrap.cluster.api.http import connect
from kbootstrap.cluster.api.model import Api
from kbootstrap.cluster.converge.cluster_run import ClusterRun
from kbootstrap.cluster.converge.executor import Executor
from kbootstrap.cluster.converge.reporting import StepReporter
from kbootstrap.cluster.converge.tokens import Tokens
from kbootstrap.cluster.converge.watch import NodeWatch
from kbootstrap.cluster.state.desired import DesiredCluster, LocalFile
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.events import Emit
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts.model import Host
from kbootstrap.inventory.model import Endpoint


@dataclass(frozen=True, slots=True)
class JoinAccess:
    """The way into a cluster: its API, one watch of its Nodes for all that join, and the agents' token."""

    api: Api
    watch: NodeWatch
    token: str = field(repr=False)


async def join(
    plan: Plan,
    desired: DesiredCluster,
    host: Host,
    access: JoinAccess,
    *,
    artifacts: Mapping[str, LocalFile],
    redactor: Redactor,
    emit: Emit,
    shared: bool = False,
) -> None:
    """Carry out the plan of one agent, and return when its Node is Ready.

    Arguments and errors are those of `converge`. The API stays open.
    """
    if plan.refused:
        raise InstallFailed(f"{host.name} cannot join the cluster", diagnostics=plan.diagnostics)
    tokens = Tokens(desired.distro, redactor)
    tokens.keep_agent(access.token)
    nowhere = Endpoint("", 0)  # the API is open already
    run = ClusterRun(
        plan, desired, {host.name: host}, artifacts, nowhere, redactor, tokens, connect, None, shared
    )
    run.use_open(access.api, access.watch)
    executor = Executor(run, StepReporter(plan.cluster, emit))
    try:
        for name in plan.steps:
            await executor.send(name)
            await executor.change(name)
            await executor.finish(name)
    finally:
        run.unpacked.close()
