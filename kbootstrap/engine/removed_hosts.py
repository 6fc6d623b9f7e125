"""Existing machines that left the spec: their entries in the cluster's record, and their facts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from kbootstrap.cluster.decide.host_record import removed_hosts
from kbootstrap.cluster.decide.removal import Removal
from kbootstrap.cluster.observe.facts import gather
from kbootstrap.cluster.state.api_facts import ApiFacts
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.state.recorded import Recorded
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.engine.context import Context
from kbootstrap.hosts.model import Connector, Host
from kbootstrap.inventory.model import Machine


@dataclass(frozen=True, slots=True)
class RemovedHosts:
    """Machines whose nodes must leave, by node name.

    `hosts` and `facts` are those that belong to this cluster; `unseen` says of the others why nothing can be
    done to them.
    """

    machines: Mapping[str, Recorded] = field(default_factory=dict)
    hosts: Mapping[str, Host] = field(default_factory=dict)
    facts: Mapping[str, NodeFacts] = field(default_factory=dict)
    unseen: Mapping[str, str] = field(default_factory=dict)

    @property
    def removal(self) -> Removal:
        """Return the removals, with the treatment of each machine."""
        return Removal(
            {name: one.role for name, one in self.machines.items()}, {}, self.machines, self.unseen
        )


def recorded(nodes: Mapping[str, Any]) -> dict[str, Recorded]:
    """Return the nodes of the output contract in the form of the cluster's record."""
    return {
        name: Recorded(
            "server" if node["role"] == "server" else "agent",
            node["address"],
            ssh_host=node.get("ssh", {}).get("host", ""),
            port=node.get("ssh", {}).get("port", 0),
        )
        for name, node in nodes.items()
    }


async def inspect_removed(
    context: Context,
    outputs: Mapping[str, Any],
    desired: DesiredCluster,
    api: ApiFacts | None,
    stack: AsyncExitStack,
    via: Connector,
    *,
    deadline: float,
) -> RemovedHosts:
    """Inspect the machines that were removed from the spec; `unseen` has those that do not answer in time.

    What is on them counts only where their stamp names this cluster: an address may be another's by now.
    """
    from kbootstrap.hosts.pool import reach_all

    machines = removed_hosts(desired, api)
    if not machines:
        return RemovedHosts()
    users = {machine.address: name for name, machine in desired.machines.items()}
    unseen = {
        name: f"the spec uses its address for {users[machine.address]}"
        for name, machine in machines.items()
        if machine.address in users
    }
    targets, absent = await _targets(context, outputs, machines)
    alone = [machine for machine in targets.values() if machine.name not in unseen]
    reached = await stack.enter_async_context(reach_all(via, alone, deadline=deadline))
    failures = {**absent, **reached.failures}
    facts = await gather(reached.hosts, context.distribution, failures)
    foreign = {
        name: "it belongs to something else" for name, found in facts.items() if not _ours(context, found)
    }
    return RemovedHosts(
        machines,
        {name: host for name, host in reached.hosts.items() if name in facts and name not in foreign},
        {name: _now(found, api) for name, found in facts.items() if name not in foreign and found.claimed},
        {**{name: error.message for name, error in failures.items()}, **unseen, **foreign},
    )


def _now(found: NodeFacts, api: ApiFacts | None) -> NodeFacts:
    """Return the facts; without etcd data if the member was already removed from etcd."""
    return found if api and found.name in api.nodes else replace(found, etcd=False)


def _ours(context: Context, found: NodeFacts) -> bool:
    """Return whether a machine may be cleaned: it belongs to this cluster, or nothing is installed on it."""
    nothing = found.claimed is None and not found.traces and not found.others
    return nothing or found.claimed == context.cluster.name


def _ssh(machine: Recorded) -> Mapping[str, Any]:
    found = {"host": machine.ssh_host, "port": machine.port}
    return {"ssh": {key: value for key, value in found.items() if value}} if any(found.values()) else {}


async def _targets(
    context: Context, outputs: Mapping[str, Any], machines: Mapping[str, Recorded]
) -> tuple[Mapping[str, Machine], Mapping[str, KbootstrapError]]:
    made = {
        name: {"role": one.role, "pool": "", "address": one.address, "instance": one.address, **_ssh(one)}
        for name, one in machines.items()
    }
    inventory = await context.provider.inventory(
        context.provider_context,
        {"kbootstrap": {**outputs["kbootstrap"], "nodes": made}},
        starting=False,
        tolerate_missing=frozenset(made),
    )
    return inventory.machines, inventory.absent
