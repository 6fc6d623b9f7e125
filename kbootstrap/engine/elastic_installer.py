"""Makes nodes of elastic machines, with the facts, decisions and steps of every other node.

    machine runs ─ host key ─ SSH ─ facts ─ decide (`joining`) ─ files, token, start ─ Node Ready

Nothing secret is in the machine before that: the token is written over SSH. Several machines are installed at
the same time; what they have in common (artifacts, the watch of Nodes) is there once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from kbootstrap.cluster.api.model import Api
from kbootstrap.cluster.api.observe import patiently
from kbootstrap.cluster.converge.join import JoinAccess, join
from kbootstrap.cluster.converge.watch import NodeWatch
from kbootstrap.cluster.decide.desired import desired_state
from kbootstrap.cluster.decide.joining import joining, version
from kbootstrap.cluster.observe.facts import gather
from kbootstrap.cluster.state.api_facts import ApiFacts
from kbootstrap.cluster.state.desired import DesiredCluster, LocalFile
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.errors import InstallFailed, KbootstrapError, PrerequisiteMissing
from kbootstrap.engine.bundled_programs import bundled_programs
from kbootstrap.engine.connect import connector
from kbootstrap.engine.context import Context
from kbootstrap.engine.elastic import with_machines
from kbootstrap.engine.elastic_way import Way
from kbootstrap.engine.install import fetch_artifacts
from kbootstrap.engine.verify_programs import verify_programs
from kbootstrap.hosts.known_hosts import KnownHosts
from kbootstrap.inventory.model import Inventory
from kbootstrap.plans.elastic import elastic_node
from kbootstrap.providers.elastic import ElasticMachine

CONNECT = 300.0
"""Seconds until a machine that runs answers SSH. The server's own deadline for the whole is ten minutes."""


@dataclass
class ElasticInstaller:
    """Implements the autoscaler's port `Installer`.

    `context` returns the cluster as it is defined now, `connect` opens the Kubernetes API.
    """

    context: Callable[[], Context]
    way: Way
    connect: Callable[[], Api]
    _api: Api | None = None
    _watch: NodeWatch | None = None
    _fetching: asyncio.Lock = field(default_factory=asyncio.Lock)
    _artifacts: dict[tuple[str, str, frozenset[str]], Mapping[str, LocalFile]] = field(default_factory=dict)

    async def install(self, machine: ElasticMachine) -> None:
        """Install Kubernetes on a machine that runs, and return when its Node is Ready."""
        from kbootstrap.hosts.pool import connect_all

        try:
            context = self.context()
            outputs = with_machines(await self.way.outputs(context), [machine])
            inventory = await context.provider.inventory(context.provider_context, outputs)
            async with connect_all(
                connector(context), inventory.machines.values(), deadline=CONNECT
            ) as hosts:
                found = await gather(hosts, context.distribution)
                access = await self._access(context)
                nodes = await patiently(access.api.nodes)
                context = _at_version(context, version(context.cluster.kubernetes.version, nodes))
                needed = _desired(context, machine, inventory)
                api = ApiFacts({node.name: node for node in nodes})
                plan = _plan(needed, found[machine.name], api, access.token)
                artifacts = await self._artifacts_of(context, plan, found[machine.name].arch)
                verify_programs(context, needed, plan, found)
                await join(
                    plan,
                    needed,
                    hosts[machine.name],
                    access,
                    artifacts=artifacts,
                    redactor=context.runtime.redactor,
                    emit=context.runtime.emit,
                    shared=context.provider.shared_artifacts is not None,
                )
        except KbootstrapError as error:
            self.way.renew()
            raise _said(error) from error

    async def forget(self, name: str) -> None:
        """Remove the pinned host key of a node whose machine is gone; names are never used again."""
        pins = KnownHosts(self.context().space.known_hosts)
        await asyncio.to_thread(pins.forget, name)

    async def close(self) -> None:
        """Close the connection to the API."""
        if self._api is not None:
            await self._api.close()

    async def _access(self, context: Context) -> JoinAccess:
        if self._api is None or self._watch is None:
            self._api = self.connect()
            self._watch = NodeWatch(self._api, network=context.distribution.installs_network)
        return JoinAccess(self._api, self._watch, await self.way.token(context))

    async def _artifacts_of(self, context: Context, plan: Plan, arch: str) -> Mapping[str, LocalFile]:
        """Return the files of a plan, which are obtained once for all machines that need the same."""
        if not plan.artifacts:
            return {}
        key = (context.cluster.kubernetes.version, arch, plan.artifacts)
        async with self._fetching:
            if key not in self._artifacts or not _there(self._artifacts[key]):
                await self.way.provide(context, arch)
                self._artifacts[key] = await fetch_artifacts(context, plan, [arch])
            return self._artifacts[key]


def _at_version(context: Context, chosen: str) -> Context:
    """Return the context for a node of this version: the cluster may not have that of the spec yet."""
    kubernetes = replace(context.cluster.kubernetes, version=chosen)
    return replace(context, cluster=replace(context.cluster, kubernetes=kubernetes))


def _desired(context: Context, machine: ElasticMachine, inventory: Inventory) -> DesiredCluster:
    pool = next((pool for pool in context.cluster.pools if pool.born == machine.pool), None)
    if pool is None:
        raise InstallFailed(f"the spec no longer has pool {machine.pool} of {machine.name}")
    node = elastic_node(context.cluster, pool, machine, context.lock)
    needed = partial(desired_state, context.cluster, [node], inventory, context.distribution)
    return replace(needed(additions=context.additions), bundled=bundled_programs(context))


def _plan(needed: DesiredCluster, facts: NodeFacts, api: ApiFacts, token: str) -> Plan:
    try:
        return joining(needed, facts, api, token)
    except ValueError as error:
        raise PrerequisiteMissing(f"the agents' token cannot be used: {error}", code="KB1407") from error


def _there(files: Mapping[str, LocalFile]) -> bool:
    return all(file.path.is_file() for file in files.values())


def _said(error: KbootstrapError) -> KbootstrapError:
    """Return an error whose message has the first reason: the server reports nothing but messages."""
    first = next(iter(error.diagnostics), None)
    if first is None:
        return error
    message = f"{error.message}: {first.reason}"
    return type(error)(message, hint=error.hint, detail=error.detail, code=error.code, host=error.host)
