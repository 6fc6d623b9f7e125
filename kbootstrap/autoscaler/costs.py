"""What nodes and pods cost, for the price expander of Cluster Autoscaler. Pure.

A pod costs its share of the machine on which it costs least: the larger one of its shares of processors and
memory. So groups are compared by how much of their price the pods use, in any currency.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from kbootstrap.autoscaler.instances import group_for
from kbootstrap.autoscaler.model import FleetState, Group
from kbootstrap.autoscaler.quantities import quantity
from kbootstrap.autoscaler.refusal import Refusal
from kbootstrap.autoscaler.template import GROUP
from kbootstrap.autoscaler.wire import Message
from kbootstrap.providers.elastic import Shape

INSTANCE_TYPE = "node.kubernetes.io/instance-type"
_COPY = "template-node-for-"
_MIB, _HOUR = 2**20, 3600.0
_MIB_PER_CPU = 4096
"""Memory that is worth as much as a processor when flavors without prices are compared."""


def node_price(state: FleetState, shapes: Mapping[str, Shape], node: Message, seconds: float) -> float:
    """Return the price of a node for some seconds. Raises `Refusal` for a node of no group.

    A template node is recognised by its annotation, a copy of a real node by its name. Cluster Autoscaler
    keeps a copy of a group's last node, with the provider ID of a machine that may be gone since.
    """
    found = node.annotations.get(GROUP) or _copied(state, node.name)
    group = state.groups.get(found or group_for(state, node.name, node.providerID))
    if group is None:
        flavor = node.labels.get(INSTANCE_TYPE)
        group = next((one for one in state.groups.values() if one.flavor and one.flavor == flavor), None)
    price = None if group is None else prices(state, shapes).get(group.id)
    if price is None:
        raise Refusal("NOT_FOUND", "PriceUnknown", f"the price of node {node.name} is not known")
    return float(price * seconds / _HOUR)


def pod_price(state: FleetState, shapes: Mapping[str, Shape], pod: Message, seconds: float) -> float:
    """Return the lowest price of a pod for some seconds: its share of the machine where it costs least."""
    cpus, memory = requests(pod)
    costs = [
        price * max(cpus / shape.cpus, memory / (shape.memory_mib * _MIB))
        for id_, price in prices(state, shapes).items()
        if (shape := shapes.get(state.groups[id_].flavor))
    ]
    return min(costs, default=0.0) * seconds / _HOUR


def prices(state: FleetState, shapes: Mapping[str, Shape]) -> Mapping[str, float]:
    """Return the price of a machine per hour by group, also of flavors that have none in the spec.

    Cluster Autoscaler's expander `price` ignores groups without a price, so they would never grow. A flavor
    without one costs as much for its size as the most expensive one; without any price, sizes are compared.
    """
    sizes = {one.id: _units(shapes[one.flavor]) for one in state.groups.values() if one.flavor in shapes}
    known = {one.id: one.price for one in state.groups.values() if one.price is not None}
    rate = max((price / sizes[id_] for id_, price in known.items() if sizes.get(id_)), default=0.0) or 1.0
    return {**{id_: size * rate for id_, size in sizes.items()}, **known}


def estimated(groups: Iterable[Group]) -> tuple[str, ...]:
    """Return the flavors without a price in the spec that are compared with others of their pool."""
    every = tuple(groups)
    several = {one.pool for one in every if sum(other.pool == one.pool for other in every) > 1}
    return tuple(sorted({one.flavor for one in every if one.pool in several and one.price is None}))


def requests(pod: Message) -> tuple[float, float]:
    """Return the processors and the bytes of memory that a pod requests.

    Containers run together; init containers run before them, one after the other.
    """
    found = []
    for resource in ("cpu", "memory"):
        together = sum(_of(pod.spec.containers, resource))
        found.append(max([together, *_of(pod.spec.initContainers, resource)]))
    return found[0], found[1]


def seconds(request: Message) -> float:
    """Return the length of the period of a pricing request, in either wire form."""
    if request.HasField("startTimestamp"):
        start, end = request.startTimestamp, request.endTimestamp
    else:
        start, end = request.startTime, request.endTime
    return max(float(end.seconds - start.seconds + (end.nanos - start.nanos) / 1e9), 0.0)


def _copied(state: FleetState, name: str) -> str:
    """Return the group of a copy of a node; empty if it is none.

    Copies are named `template-node-for-<group>-<number>`, and may have another suffix (cluster-autoscaler,
    `SanitizedTemplateNodeInfoFromNodeInfo`; the same from 1.30 to 1.35).
    """
    found = [one for one in state.groups if re.fullmatch(rf"{_COPY}{re.escape(one)}-\d+(-.*)?", name)]
    return max(found, key=len, default="")


def _units(shape: Shape) -> float:
    """Return the size of a machine as one number: processors, and memory that is worth as much."""
    return shape.cpus + shape.memory_mib / _MIB_PER_CPU


def _of(containers: Iterable[Message], resource: str) -> Iterable[float]:
    for one in containers:
        if resource in one.resources.requests:
            yield quantity(one.resources.requests[resource].string)
