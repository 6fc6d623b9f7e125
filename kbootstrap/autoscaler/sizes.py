"""Sizes of groups, and the changes of them that Cluster Autoscaler asks for. Pure.

The target of a group is not stored: it is the number of its members that are, or become, nodes. So it cannot
differ from what is there, and is right after a restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from kbootstrap.autoscaler.instances import find_static, ids, matching
from kbootstrap.autoscaler.model import (
    COUNTED,
    FAILURES,
    UNDER_WAY,
    Group,
    Instance,
    Notice,
    Phase,
    State,
)
from kbootstrap.autoscaler.refusal import Refusal


def target(state: State, group: Group) -> int:
    """Return the target size: static nodes that exist, and instances that are or become nodes."""
    return static(state, group) + sum(one.phase in COUNTED for one in state.of(group.id))


def running(state: State, group: Group) -> int:
    """Return the number of nodes of a group."""
    return static(state, group) + sum(one.phase is Phase.RUNNING for one in state.of(group.id))


def static(state: State, group: Group) -> int:
    """Return the number of static nodes that exist."""
    return sum(name in state.nodes for name in group.static)


def limits(state: State, group: Group, now: float) -> tuple[int, int]:
    """Return the bounds that Cluster Autoscaler gets.

    It has no bound for several groups together. So the maximum is what the other groups of the pool leave. A
    group that stopped growing cannot grow; after its pause it can by one, until one has become a node.
    """
    size, health = target(state, group), state.healthy(group.id)
    room = max(group.maximum - _pool_size(state, group), 0)
    if health.failures >= FAILURES:
        growing = any(one.phase in UNDER_WAY for one in state.of(group.id))
        room = 0 if now < health.stopped or growing else min(room, 1)
    return group.minimum, max(size + room, group.minimum)


def increase(state: State, group_id: str, delta: int, now: float, names: Iterator[str]) -> State:
    """Want `delta` more instances; `names` yields new names. Raises `Refusal`."""
    group = group_of(state, group_id)
    if delta <= 0:
        raise Refusal(
            "INVALID_ARGUMENT", "InvalidDelta", f"a size increases by a positive number, not by {delta}"
        )
    health = state.healthy(group_id)
    _, most = limits(state, group, now)
    size = target(state, group)
    if size + delta > most:
        if health.failures >= FAILURES:
            raise Refusal("FAILED_PRECONDITION", "GroupStopped", f"{group_id} does not grow: {health.reason}")
        pool = _pool_size(state, group)
        raise Refusal(
            "FAILED_PRECONDITION",
            "MaximumReached",
            f"{group_id} cannot grow by {delta}: its pool has {pool} nodes and at most {group.maximum}",
        )
    fresh: set[str] = set()
    while len(fresh) < delta:
        name = next(names)
        fresh |= {name} - state.instances.keys() - state.nodes.keys() - state.gone.keys()
    state = state.put(*(Instance(name, group_id, Phase.WANTED, now) for name in sorted(fresh)))
    return state.note(Notice("SizeIncreased", f"{group_id} grows from {size} to {size + delta}", group_id))


def delete(state: State, group_id: str, wanted: Iterable[tuple[str, str]], now: float) -> State:
    """Remove nodes, given as name and provider ID; all or none. Raises `Refusal`.

    A node that is being removed, or was removed, is accepted: the first answer may have been lost.
    """
    group = group_of(state, group_id)
    chosen: dict[str, Instance] = {}
    for name, provider_id in wanted:
        if found := find_static(state, name, provider_id):
            raise Refusal(
                "FAILED_PRECONDITION",
                "StaticNode",
                f"{found} belongs to the minimum of its pool and is not removed",
            )
        instance = matching(state, name, provider_id)
        if instance is None and {name, provider_id} & state.gone.keys():
            continue
        if instance is None or instance.group != group_id:
            raise Refusal("NOT_FOUND", "NotInGroup", f"{name or provider_id} is no node of {group_id}")
        chosen[instance.name] = instance
    leaving = [one for one in chosen.values() if one.phase is Phase.RUNNING]
    size = target(state, group)
    if leaving and size - len(leaving) < group.minimum:
        raise Refusal(
            "FAILED_PRECONDITION",
            "MinimumReached",
            f"{group_id} cannot lose {len(leaving)} nodes: it has {size} and at least {group.minimum}",
        )
    for one in chosen.values():
        state = remove(state, one, now)
    return state


def decrease(state: State, group_id: str, delta: int, now: float) -> State:
    """Take back requests for instances that are no nodes yet, newest first. Raises `Refusal`."""
    group = group_of(state, group_id)
    if delta >= 0:
        raise Refusal(
            "INVALID_ARGUMENT", "InvalidDelta", f"a target decreases by a negative number, not by {delta}"
        )
    order = (Phase.WANTED, Phase.CREATING, Phase.INSTALLING)
    open_ = [one for one in state.of(group_id) if one.phase in UNDER_WAY and one.name not in state.nodes]
    open_.sort(key=lambda one: (order.index(one.phase), -one.since))
    if len(open_) < -delta:
        raise Refusal(
            "FAILED_PRECONDITION",
            "NothingToTakeBack",
            f"the target of {group_id} cannot decrease by {-delta}: {len(open_)} are no nodes yet",
        )
    for one in open_[:-delta]:
        state = remove(state, one, now)
    return state.note(Notice("TargetDecreased", f"{group_id} wants {target(state, group)} nodes", group_id))


def remove(state: State, instance: Instance, now: float) -> State:
    """Begin to remove an instance; one of which nothing was ever requested is gone at once."""
    if instance.phase is Phase.DELETING:
        return state
    if not instance.requested:
        return forget(state, instance, now)
    state = state.note(Notice("NodeRemoved", f"{instance.name} is removed", instance.group, instance.name))
    return state.put(replace(instance, phase=Phase.DELETING, tries=0, retry=0.0))


def forget(state: State, instance: Instance, now: float) -> State:
    """Remove an instance that is gone. Requests about it are still understood."""
    return state.drop(instance.name, ids(state, instance), now)


def group_of(state: State, group_id: str) -> Group:
    """Return a group. Raises `Refusal`."""
    group = state.groups.get(group_id)
    if group is None:
        raise Refusal("NOT_FOUND", "UnknownGroup", f"there is no node group '{group_id}'")
    return group


def _pool_size(state: State, group: Group) -> int:
    return sum(target(state, one) for one in state.groups.values() if one.pool == group.pool)
