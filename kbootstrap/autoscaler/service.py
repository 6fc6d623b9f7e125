"""The answers to Cluster Autoscaler's calls: all from memory, at once. Machines follow in the background.

Cluster Autoscaler gives every call 5 s (`grpc_timeout`), also the one that increases a size. So that call
only records what is wanted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from kbootstrap.autoscaler import costs, sizes
from kbootstrap.autoscaler.fleet import Fleet
from kbootstrap.autoscaler.groups import names
from kbootstrap.autoscaler.instances import group_for, instance_id, static_id
from kbootstrap.autoscaler.model import Group, Instance, InstancePhase
from kbootstrap.autoscaler.refusal import Refusal
from kbootstrap.autoscaler.template import template
from kbootstrap.autoscaler.wire import Message
from kbootstrap.autoscaler.wire.messages import kubernetes, message

RUNNING, CREATING, DELETING = 1, 2, 3
"""Values of `InstanceStatus.InstanceState`."""
_STATES = {InstancePhase.RUNNING: RUNNING, InstancePhase.DELETING: DELETING}
OUT_OF_RESOURCES, OTHER = 1, 99
"""Values of `instanceErrorClass` (cluster-autoscaler, `cloudprovider.InstanceErrorClass`)."""
_NANOSECONDS = 10**9
"""In a second: the unit of durations in the contract before 1.35."""
_PATIENCE = 3.0
"""Seconds that `Refresh` waits for a changed spec; a large one is in force at the next call."""

Answer = Callable[[Message], Awaitable[Message]]


class Service:
    """Implements the 15 calls. Each returns its response, or raises `Refusal`.

    `refresh` reads the spec again, and never raises.
    """

    def __init__(self, fleet: Fleet, refresh: Callable[[], Awaitable[None]]) -> None:
        self._fleet, self._refresh = fleet, refresh
        self.answers: Mapping[str, Answer] = {
            "NodeGroups": self._node_groups,
            "NodeGroupForNode": self._node_group_for_node,
            "PricingNodePrice": self._node_price,
            "PricingPodPrice": self._pod_price,
            "GPULabel": partial(_empty, "GPULabelResponse"),
            "GetAvailableGPUTypes": partial(_empty, "GetAvailableGPUTypesResponse"),
            "Cleanup": partial(_empty, "CleanupResponse"),
            "Refresh": self._refreshed,
            "NodeGroupTargetSize": self._target_size,
            "NodeGroupIncreaseSize": self._increase,
            "NodeGroupDeleteNodes": self._delete,
            "NodeGroupDecreaseTargetSize": self._decrease,
            "NodeGroupNodes": self._nodes,
            "NodeGroupTemplateNodeInfo": self._template,
            "NodeGroupGetOptions": self._options,
        }

    async def _node_groups(self, _request: Message) -> Message:
        groups = map(self._group, self._fleet.state.groups.values())
        return message("NodeGroupsResponse")(nodeGroups=list(groups))

    async def _node_group_for_node(self, request: Message) -> Message:
        """Return the group of a node; with an empty ID Cluster Autoscaler leaves the node alone."""
        found = group_for(self._fleet.state, request.node.name, request.node.providerID)
        group = self._group(self._fleet.state.groups[found]) if found else message("NodeGroup")()
        return message("NodeGroupForNodeResponse")(nodeGroup=group)

    def _group(self, group: Group) -> Message:
        state, health = self._fleet.state, self._fleet.state.healthy(group.id)
        least, most = sizes.limits(state, group, self._fleet.clock())
        said = [f"{sizes.target(state, group)} wanted, {sizes.running(state, group)} running"]
        said += [f"{health.failures} failures in a row: {health.reason}"] if health.failures else []
        return message("NodeGroup")(id=group.id, minSize=least, maxSize=most, debug="; ".join(said))

    async def _node_price(self, request: Message) -> Message:
        fleet = self._fleet
        price = costs.node_price(fleet.state, fleet.shapes, request.node, costs.seconds(request))
        return message("PricingNodePriceResponse")(price=price)

    async def _pod_price(self, request: Message) -> Message:
        pod = request.pod
        try:
            if request.pod_bytes:
                pod = kubernetes("Pod").FromString(request.pod_bytes)
            price = costs.pod_price(self._fleet.state, self._fleet.shapes, pod, costs.seconds(request))
        except ValueError as error:
            raise Refusal("INVALID_ARGUMENT", "InvalidPod", f"the pod cannot be read: {error}") from error
        return message("PricingPodPriceResponse")(price=price)

    async def _refreshed(self, _request: Message) -> Message:
        """Bounds come from the spec as it is now. Slow reading goes on in the background."""
        reading = asyncio.ensure_future(self._refresh())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(reading), _PATIENCE)
        self._fleet.look.set()
        return message("RefreshResponse")()

    async def _target_size(self, request: Message) -> Message:
        group = sizes.group_of(self._fleet.state, request.id)
        return message("NodeGroupTargetSizeResponse")(targetSize=sizes.target(self._fleet.state, group))

    async def _increase(self, request: Message) -> Message:
        state, now = self._fleet.state, self._fleet.clock()
        fresh = names(sizes.group_of(state, request.id).prefix)
        self._fleet.become(sizes.increase(state, request.id, request.delta, now, fresh))
        return message("NodeGroupIncreaseSizeResponse")()

    async def _delete(self, request: Message) -> Message:
        wanted = [(node.name, node.providerID) for node in request.nodes]
        self._fleet.become(sizes.delete(self._fleet.state, request.id, wanted, self._fleet.clock()))
        return message("NodeGroupDeleteNodesResponse")()

    async def _decrease(self, request: Message) -> Message:
        self._fleet.become(sizes.decrease(self._fleet.state, request.id, request.delta, self._fleet.clock()))
        return message("NodeGroupDecreaseTargetSizeResponse")()

    async def _nodes(self, request: Message) -> Message:
        state = self._fleet.state
        group = sizes.group_of(state, request.id)
        own = [
            _instance(static_id(state, name), RUNNING) for name in sorted(group.static & state.nodes.keys())
        ]
        own += [_described(instance_id(state, one), one) for one in state.of(group.id)]
        return message("NodeGroupNodesResponse")(instances=own)

    async def _template(self, request: Message) -> Message:
        """Return the node in both wire forms: they have different numbers, and each version reads its own."""
        group = sizes.group_of(self._fleet.state, request.id)
        shape = self._fleet.shapes.get(group.flavor)
        if shape is None:
            text = f"what flavor '{group.flavor}' has is not known"
            raise Refusal("FAILED_PRECONDITION", "FlavorUnknown", text)
        node = template(group, shape, kubernetes)
        return message("NodeGroupTemplateNodeInfoResponse")(nodeInfo=node, nodeBytes=node.SerializeToString())

    async def _options(self, request: Message) -> Message:
        """Return the values of Cluster Autoscaler's flags, with the idle time of the pool.

        From 1.35 on it has an option for which the contract has no field (`MaxNodeStartupTime`). That would
        arrive as 0, and nodes that are not Ready yet would count as broken (kubernetes/autoscaler issue
        10245). So those versions, which send their durations in other fields only, get no options.
        """
        group = sizes.group_of(self._fleet.state, request.id)
        if not request.defaults.HasField("scaleDownUnneededTime"):
            text = "options of node groups are those of Cluster Autoscaler's flags"
            raise Refusal("UNIMPLEMENTED", "NoOptions", text)
        options = message("NodeGroupAutoscalingOptions")()
        options.CopyFrom(request.defaults)
        options.scaleDownUnneededTime.duration = group.idle * _NANOSECONDS
        if options.HasField("scaleDownUnneededDuration"):  # 1.34.2 and later send both, and read this one
            options.scaleDownUnneededDuration.FromSeconds(group.idle)
        return message("NodeGroupAutoscalingOptionsResponse")(nodeGroupAutoscalingOptions=options)


async def _empty(name: str, _request: Message) -> Message:
    return message(name)()


def _instance(id_: str, state: int) -> Message:
    return message("Instance")(id=id_, status=message("InstanceStatus")(instanceState=state))


def _described(id_: str, one: Instance) -> Message:
    """Describe an instance. Cluster Autoscaler reads the fault of an instance that is being created."""
    found = _instance(id_, _STATES.get(one.phase, CREATING))
    if one.phase is InstancePhase.FAILED and one.fault is not None:
        info = found.status.errorInfo
        info.errorCode, info.errorMessage = one.fault.code, one.fault.message
        info.instanceErrorClass = OUT_OF_RESOURCES if one.fault.exhausted else OTHER
    return found
