"""How instances and Nodes are recognised: provider IDs, names, and the group of a node. Pure."""

from __future__ import annotations

from kbootstrap.autoscaler.model import Instance, State

PENDING = "kbootstrap"
"""The scheme of IDs of instances whose provider ID is not known yet."""


def instance_id(state: State, instance: Instance) -> str:
    """Return the ID of an instance: the provider ID of its Node, or what it will be.

    Cluster Autoscaler joins instances and Nodes by it. If they differ, the Node is unknown to it, and the
    instance never becomes a node (its issue 5185). A failed one keeps its ID: under another one its failure
    would count twice.
    """
    if instance.known_as:
        return instance.known_as
    node = state.nodes.get(instance.name)
    if node is not None and node.provider_id:
        return node.provider_id
    return _expected(state, instance) if instance.machine else _pending(instance.name)


def static_id(state: State, name: str) -> str:
    """Return the provider ID of a static node that exists."""
    return state.nodes[name].provider_id or f"{state.distribution}://{name}"


def matching(state: State, name: str, provider_id: str) -> Instance | None:
    """Return the instance of a node, by name or ID.

    For an instance without a Node, the name that Cluster Autoscaler uses is its ID.
    """
    if found := state.instances.get(name):
        return found
    for wanted in filter(None, (provider_id, name)):
        for one in state.instances.values():
            if wanted in ids(state, one):
                return one
    return None


def ids(state: State, instance: Instance) -> frozenset[str]:
    """Return every ID under which an instance was, or can be, known."""
    return frozenset(
        (instance.name, instance_id(state, instance), _expected(state, instance), _pending(instance.name))
    )


def find_static(state: State, name: str, provider_id: str) -> str | None:
    """Return the name of a static node of any group."""
    names = {one for group in state.groups.values() for one in group.static}
    if name in names:
        return name
    wanted = {provider_id, name} - {""}
    return next((one for one in names if one in state.nodes and static_id(state, one) in wanted), None)


def group_for(state: State, name: str, provider_id: str) -> str:
    """Return the ID of the group of a node; empty for nodes that Cluster Autoscaler must leave alone."""
    if name not in state.instances and (static := find_static(state, name, provider_id)):
        return next(group.id for group in state.groups.values() if static in group.static)
    found = matching(state, name, provider_id)
    return found.group if found and found.group in state.groups else ""


def _expected(state: State, instance: Instance) -> str:
    if instance.machine is not None and instance.machine.provider_id:
        return instance.machine.provider_id
    return f"{state.distribution}://{instance.name}"


def _pending(name: str) -> str:
    return f"{PENDING}://{name}"
