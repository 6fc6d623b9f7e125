"""Compares the state with the infrastructure's list of machines and with the Nodes of Kubernetes. Pure.

The first comparison of a server begins with an empty state: that is how it finds again what there is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from kbootstrap.autoscaler.groups import is_elastic
from kbootstrap.autoscaler.model import (
    DEADLINE,
    UNDER_WAY,
    Fault,
    FleetState,
    Group,
    Instance,
    InstancePhase,
    Notice,
    SeenNode,
    group_id,
)
from kbootstrap.autoscaler.outcomes import advanced, failed
from kbootstrap.providers.elastic import ElasticMachine, MachinePhase

MISSING = 10.0
"""Seconds for which a machine must be missing from the list before it counts as gone."""


def with_groups(state: FleetState, groups: Iterable[Group]) -> FleetState:
    """Return a state with the groups of the current spec. Instances stay as they are."""
    return replace(state, groups={one.id: one for one in groups})


def with_nodes(state: FleetState, nodes: Iterable[SeenNode]) -> FleetState:
    """Return a state with the Nodes that there are."""
    return replace(state, nodes={one.name: one for one in nodes})


def with_machines(
    state: FleetState,
    machines: Iterable[ElasticMachine],
    asked: float,
    now: float,
    busy: Collection[str] = (),
) -> FleetState:
    """Return a state that matches the list of machines, which was requested at `asked`.

    `busy` are instances with a running request: the list may be older than its result.
    """
    listed: dict[str, ElasticMachine] = {}
    for machine in sorted(machines, key=lambda one: (one.created, one.id)):
        own = state.instances.get(machine.name)
        kept = own.machine.id if own and own.machine else listed.get(machine.name, machine).id
        if machine.id == kept:
            listed[machine.name] = machine
        else:
            state = _surplus(state, machine, now)
            listed[_key(machine)] = machine
    for name, machine in listed.items():
        state = _present(state, name, machine, now)
    state = _left_over(state, now)
    for one in list(state.instances.values()):
        if one.name not in listed and one.name not in busy:
            state = _absent(state, one, asked, now)
    return state


def _left_over(state: FleetState, now: float) -> FleetState:
    """Take over Nodes without a machine: an earlier server ended after the machine was gone.

    They count as nodes until it is certain that the machine is missing.
    """
    static = {name for group in state.groups.values() for name in group.static}
    for name in state.nodes.keys() - static - state.instances.keys():
        group = next((one for one in state.groups.values() if is_elastic(one, name)), None)
        if group is not None and name not in state.gone:
            state = state.put(Instance(name, group.id, InstancePhase.RUNNING, now, requested=True))
    return state


def _present(state: FleetState, name: str, machine: ElasticMachine, now: float) -> FleetState:
    one = state.instances.get(name)
    if one is None:
        return _adopted(state, machine, now)
    group = group_id(machine.pool, machine.flavor)
    state = state.put(replace(one, group=group, machine=machine, requested=True, seen=now, missing=0.0))
    if machine.phase is MachinePhase.DELETING and one.phase is InstancePhase.RUNNING:
        state = state.put(replace(state.instances[name], phase=InstancePhase.DELETING))
        return state.note(_vanished(one, "is being deleted outside of kbootstrap"))
    return advanced(state, name, machine, now)


def _adopted(state: FleetState, machine: ElasticMachine, now: float) -> FleetState:
    """Take over a machine that an earlier server made, or delete one that appeared after it was given up.

    One that does not run yet is requested again by its name: the earlier server may have ended in the middle.
    A machine that has a Node was installed. It is a node again, even if it is not Ready at the moment:
    whether it is removed is Cluster Autoscaler's decision. Only a young one may have been interrupted, and is
    installed again.
    """
    name = machine.name
    base = Instance(
        name,
        group_id(machine.pool, machine.flavor),
        InstancePhase.WANTED,
        machine.created,
        address=machine.address,
        machine=machine,
        requested=True,
        seen=now,
    )
    if machine.phase is MachinePhase.DELETING or name in state.gone:
        return state.put(replace(base, phase=InstancePhase.DELETING))
    node = state.nodes.get(name)
    if node and (node.ready or now - machine.created >= DEADLINE):
        return state.put(replace(base, phase=InstancePhase.RUNNING))
    state = state.put(base).note(Notice("MachineAdopted", f"{name} is taken over", base.group, name))
    return advanced(state, name, machine, now)


def _absent(state: FleetState, one: Instance, asked: float, now: float) -> FleetState:
    """Judge an instance that is not in the list. A young list proves nothing about a younger machine.

    Where the Node is missing too, both were removed, by `apply` for example; otherwise the list may be wrong.
    """
    if not one.requested or one.seen >= asked:
        return state
    if one.phase is InstancePhase.RUNNING and one.name not in state.nodes:
        one = replace(one, missing=now - MISSING)
    if not one.missing:
        return state.put(replace(one, missing=now))
    if now - one.missing < MISSING:
        return state
    if one.machine is not None:
        state = state.put(replace(one, machine=None, tries=0, retry=0.0))
    if one.phase is InstancePhase.RUNNING:
        state = state.put(replace(one, phase=InstancePhase.DELETING, machine=None, tries=0, retry=0.0))
        return state.note(_vanished(one, "is gone; its node is removed"))
    if one.phase in UNDER_WAY and one.phase is not InstancePhase.WANTED:
        return failed(state, one.name, Fault("MachineGone", f"the machine {one.name} is gone"), now)
    return state


def _surplus(state: FleetState, machine: ElasticMachine, now: float) -> FleetState:
    """Delete a second machine of one name: its creation was requested twice."""
    key = _key(machine)
    if key in state.instances:
        return state
    group = group_id(machine.pool, machine.flavor)
    state = state.put(
        Instance(
            key, group, InstancePhase.DELETING, machine.created, machine=machine, requested=True, seen=now
        )
    )
    return state.note(
        Notice("MachineDoubled", f"a second machine {machine.name} is deleted", group, key, warning=True)
    )


def _key(machine: ElasticMachine) -> str:
    return f"{machine.name}@{machine.id}"


def _vanished(one: Instance, what: str) -> Notice:
    return Notice("MachineVanished", f"the machine {one.name} {what}", one.group, one.name, warning=True)


def taken(instances: Mapping[str, Instance]) -> frozenset[str]:
    """Return the addresses of instances."""
    return frozenset(one.address for one in instances.values() if one.address)
