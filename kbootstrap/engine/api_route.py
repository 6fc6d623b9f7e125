"""Chooses the address of the Kubernetes API for a run, and the machine to reach it through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kbootstrap.cluster.decide.removal import Removal
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.engine.context import Context
from kbootstrap.inventory.model import Endpoint, Inventory, SshTarget
from kbootstrap.spec.topology import API_PORT


def servers_in_state(context: Context, facts: Mapping[str, NodeFacts], state: str) -> list[str]:
    """Return the servers whose service is in a state, in the order of the spec."""
    unit = context.distribution.unit("server")
    names = (node.name for node in context.nodes if node.role == "server")
    return [name for name in names if name in facts and facts[name].unit(unit).active == state]


def route_to_api(
    context: Context, inventory: Inventory, facts: Mapping[str, NodeFacts], removal: Removal
) -> tuple[Endpoint, SshTarget | None]:
    """Return the API's address for this run, and the machine to reach it through; pure.

    That is where operators ask it. But a floating IP leads to the first server: while that is away, or about
    to go, another one that serves is asked, on itself.
    """
    external, jump = inventory.external, inventory.jump
    if context.cluster.api.endpoint != "floating_ip":
        return external, jump
    there = inventory.machines.keys() - removal.names
    serving = [name for name in servers_in_state(context, facts, "active") if name in there]
    first = next(node.name for node in context.nodes if node.role == "server")
    if not serving or serving[0] == first:
        return external, jump
    inside = Endpoint("127.0.0.1", API_PORT, external.server_name or external.host)
    through = inventory.machines[serving[0]]
    return inside, replace(through.ssh, instance=through.instance, host_keys=through.host_keys)
