"""What nodes and pods cost, for the price expander of Cluster Autoscaler. Pure.

A pod costs its share of the machine on which it costs least: the larger one of its shares of processors and
memory. So groups are compared by how much of their price the pods use, in any currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kbootstrap.autoscaler.instances import group_for
from kbootstrap.autoscaler.model import Group, State
from kbootstrap.autoscaler.quantities import quantity
from kbootstrap.autoscaler.refusal import Refusal
from kbootstrap.autoscaler.template import GROUP
from kbootstrap.autoscaler.wire import Message
from kbootstrap.providers.elastic import Shape

INSTANCE_TYPE = "node.kubernetes.io/instance-type"
_MIB, _HOUR = 2**20, 3600.0


def node_price(state: State, node: Message, seconds: float) -> float:
    """Return the price of a node for some seconds. Raises `Refusal` if it is not known.

    A template node is recognised by its annotation, a copy of a real node by its provider ID or its flavor.
    """
    _priced(state)
    found = node.annotations.get(GROUP) or group_for(state, node.name, node.providerID)
    group = state.groups.get(found)
    if group is None:
        flavor = node.labels.get(INSTANCE_TYPE)
        group = next((one for one in state.groups.values() if one.flavor and one.flavor == flavor), None)
    if group is None or group.price is None:
        text = f"the price of node {node.name} is not known: its flavor is not in the spec's prices"
        raise Refusal("NOT_FOUND", "PriceUnknown", text)
    return float(group.price * seconds / _HOUR)


def pod_price(state: State, shapes: Mapping[str, Shape], pod: Message, seconds: float) -> float:
    """Return the lowest price of a pod for some seconds. Raises `Refusal` if there are no prices."""
    cpus, memory = requests(pod)
    costs = [
        group.price * max(cpus / shape.cpus, memory / (shape.memory_mib * _MIB))
        for group in _priced(state)
        if group.price is not None and (shape := shapes.get(group.flavor))
    ]
    return min(costs, default=0.0) * seconds / _HOUR


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


def _priced(state: State) -> list[Group]:
    found = [group for group in state.groups.values() if group.price is not None]
    if not found:
        raise Refusal(
            "UNIMPLEMENTED", "NoPrices", "the spec has no prices for the flavors of autoscaled pools"
        )
    return found


def _of(containers: Iterable[Message], resource: str) -> Iterable[float]:
    for one in containers:
        if resource in one.resources.requests:
            yield quantity(one.resources.requests[resource].string)
