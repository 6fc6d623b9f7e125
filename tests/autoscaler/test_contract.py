"""Cluster Autoscaler's calls over a real connection, in both wire forms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import grpc
import pytest

from kbootstrap.autoscaler.run import Running
from kbootstrap.autoscaler.service import CREATING, DELETING, OTHER, RUNNING
from kbootstrap.autoscaler.template import GROUP
from tests.autoscaler.samples import SPEC
from tests.autoscaler.served import World, page
from tests.autoscaler.wires import FORMS, Client, refused

WEB, LARGE, JOBS = "web/small", "web/large", "jobs/small"
HOUR = 3600


@pytest.fixture(params=FORMS)
async def client(request: pytest.FixtureRequest, world: World, server: Running) -> AsyncIterator[Client]:
    async with world.client(server.port, str(request.param)) as found:
        yield found


async def failure(call: Awaitable[Any]) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return refused(raised.value)


async def until(client: Client, states: set[int]) -> list[str]:
    """Wait until the elastic instances of the group have these states; return their IDs."""
    for _ in range(6000):
        found = (await client.call("NodeGroupNodes", id=WEB)).instances
        own = [one for one in found if one.id != "k3s://prod-web-1"]
        if {one.status.instanceState for one in own} == states:
            return [one.id for one in own]
        await asyncio.sleep(0.05)
    raise AssertionError(f"{found} never become {states}")


async def test_groups_and_bounds(client: Client) -> None:
    found = (await client.call("NodeGroups")).nodeGroups
    assert [(one.id, one.minSize, one.maxSize) for one in found] == [
        (WEB, 1, 5),
        (LARGE, 0, 4),
        (JOBS, 0, 200),
    ]
    assert found[0].debug == "1 wanted, 1 running"


async def test_from_zero_to_a_node_and_back(client: Client, world: World) -> None:
    await client.call("NodeGroupIncreaseSize", id=WEB, delta=2)
    assert (await client.call("NodeGroupTargetSize", id=WEB)).targetSize == 3
    assert len(await until(client, {CREATING})) == 2
    ids = await until(client, {RUNNING})
    assert sorted(ids) == [f"k3s://{name}" for name in world.cloud.names]
    name = ids[0].removeprefix("k3s://")
    group = await client.call("NodeGroupForNode", node={"name": name, "providerID": ids[0]})
    assert (group.nodeGroup.id, group.nodeGroup.minSize, group.nodeGroup.maxSize) == (WEB, 1, 5)
    node = {"name": name, "providerID": ids[0]}
    await client.call("NodeGroupDeleteNodes", id=WEB, nodes=[node])
    await client.call("NodeGroupDeleteNodes", id=WEB, nodes=[node])  # the answer was lost: asked again
    assert (await client.call("NodeGroupTargetSize", id=WEB)).targetSize == 2
    await until(client, {RUNNING, DELETING})
    for _ in range(6000):
        if len(world.cloud.kept) == 1:
            break
        await asyncio.sleep(0.05)
    assert world.cloud.names == [ids[1].removeprefix("k3s://")]


async def test_nodes_of_no_group(client: Client) -> None:
    for node in (
        {"name": "prod-control-plane-1"},
        {"name": "prod-fixed-1"},
        {"providerID": "aws:///i-1"},
        {},
    ):
        found = await client.call("NodeGroupForNode", node=node)
        assert found.nodeGroup.id == ""


async def test_static_nodes_belong_to_the_group_and_stay(client: Client) -> None:
    node = {"name": "prod-web-1", "providerID": "k3s://prod-web-1"}
    assert (await client.call("NodeGroupForNode", node=node)).nodeGroup.id == WEB
    status, said = await failure(client.call("NodeGroupDeleteNodes", id=WEB, nodes=[node]))
    assert status == "FAILED_PRECONDITION"
    assert said == "prod-web-1 belongs to the minimum of its pool and is not removed (StaticNode)"


async def test_a_target_can_be_taken_back(client: Client, world: World) -> None:
    world.cloud.boot = HOUR
    await client.call("NodeGroupIncreaseSize", id=JOBS, delta=3)
    await client.call("NodeGroupDecreaseTargetSize", id=JOBS, delta=-2)
    assert (await client.call("NodeGroupTargetSize", id=JOBS)).targetSize == 1
    status, said = await failure(client.call("NodeGroupDecreaseTargetSize", id=JOBS, delta=-2))
    assert (status, said) == (
        "FAILED_PRECONDITION",
        "the target of jobs/small cannot decrease by 2: 1 are no nodes yet (NothingToTakeBack)",
    )


@pytest.mark.parametrize(
    ("call", "fields", "status", "reason"),
    [
        ("NodeGroupIncreaseSize", {"id": WEB, "delta": 9}, "FAILED_PRECONDITION", "MaximumReached"),
        ("NodeGroupIncreaseSize", {"id": WEB, "delta": 0}, "INVALID_ARGUMENT", "InvalidDelta"),
        ("NodeGroupIncreaseSize", {"id": "x", "delta": 1}, "NOT_FOUND", "UnknownGroup"),
        ("NodeGroupTargetSize", {"id": "x"}, "NOT_FOUND", "UnknownGroup"),
        ("NodeGroupNodes", {"id": "x"}, "NOT_FOUND", "UnknownGroup"),
        ("NodeGroupTemplateNodeInfo", {"id": "x"}, "NOT_FOUND", "UnknownGroup"),
        ("NodeGroupDeleteNodes", {"id": WEB, "nodes": [{"name": "y"}]}, "NOT_FOUND", "NotInGroup"),
        ("PricingNodePrice", {"node": {"name": "y"}}, "NOT_FOUND", "PriceUnknown"),
    ],
)
async def test_refusals_have_a_status_and_an_event(
    world: World, server: Running, call: str, fields: dict[str, object], status: str, reason: str
) -> None:
    async with world.client(server.port) as client:
        found, said = await failure(client.call(call, **fields))
    assert (found, reason in said) == (status, True)
    for _ in range(6000):
        if world.kubernetes.events:
            break
        await asyncio.sleep(0.02)
    (event,) = world.kubernetes.events
    assert (event.reason, event.warning) == (reason, True)
    assert (
        f'kbootstrap_autoscaler_refusals_total{{reason="{reason}"}} 1.0'
        in (await page(server, "/metrics"))[1]
    )


async def test_templates(client: Client) -> None:
    """From zero: this node is all that Cluster Autoscaler knows of the group."""
    for group, cpus in ((WEB, "2"), (LARGE, "8")):
        answer = await client.call("NodeGroupTemplateNodeInfo", id=group)
        new = client.wire.new
        node = client.wire.kubernetes("Node").FromString(answer.nodeBytes) if new else answer.nodeInfo
        assert node.status.allocatable["cpu"].string == cpus
        assert node.metadata.labels["tier"] == "web"
        assert node.metadata.labels["node.kubernetes.io/instance-type"] == group.partition("/")[2]
        assert node.metadata.labels["kubernetes.io/hostname"] == node.metadata.name
        assert [(t.key, t.value, t.effect) for t in node.spec.taints] == [("dedicated", "web", "NoSchedule")]
        assert [(c.type, c.status) for c in node.status.conditions] == [("Ready", "True")]


async def test_prices(client: Client) -> None:
    """Of a template node, of a real one, and of a pod; times in the form of the wire."""
    old, new = client.wire.old, client.wire.new
    starts = [*(["startTime"] if old else []), *(["startTimestamp"] if new else [])]
    ends = [*(["endTime"] if old else []), *(["endTimestamp"] if new else [])]
    period = {name: {"seconds": 100} for name in starts} | {
        name: {"seconds": 100 + 2 * HOUR} for name in ends
    }
    for node, price in (
        ({"name": "template-1", "annotations": {GROUP: LARGE}}, 0.4),
        ({"name": "prod-web-1", "providerID": "k3s://prod-web-1"}, 0.1),
        ({"name": "copy", "labels": {"node.kubernetes.io/instance-type": "small"}}, 0.1),
        # A copy of the last node of a group that has none any more.
        (
            {"name": f"template-node-for-{LARGE}-851549993302969257", "providerID": "k3s://prod-web-bcdfg"},
            0.4,
        ),
        ({"name": f"template-node-for-{LARGE}-8515-upcoming-0", "providerID": "k3s://prod-web-bcdfg"}, 0.4),
    ):
        found = await client.call("PricingNodePrice", node=node, **period)
        assert found.price == pytest.approx(price)
    pod = client.wire.kubernetes("Pod")()
    pod.spec.containers.add(name="a").resources.requests["cpu"].string = "500m"
    pod.spec.containers.add(name="b").resources.requests["cpu"].string = "500m"
    sent = ({"pod": pod} if old else {}) | ({"pod_bytes": pod.SerializeToString()} if new else {})
    found = await client.call("PricingPodPrice", **sent, **period)
    assert found.price == pytest.approx(0.05)  # half of a small machine: 0.025 per hour, as on a large one


async def test_calls_without_content(client: Client) -> None:
    assert (await client.call("GPULabel")).label == ""
    assert dict((await client.call("GetAvailableGPUTypes")).gpuTypes) == {}
    for name in ("Cleanup", "Refresh"):
        await client.call(name)
    await client.call("NodeGroups")  # the server goes on after Cleanup: another Cluster Autoscaler may follow


async def test_options_are_those_of_the_flags_with_the_idle_time_of_the_pool(client: Client) -> None:
    """From 1.35 on an option that the contract cannot carry would arrive as 0: the flags stay in force."""
    defaults: dict[str, object] = {"scaleDownUtilizationThreshold": 0.4, "ignoreDaemonSetsUtilization": True}
    names = ("scaleDownUnneededDuration", "scaleDownUnreadyDuration", "MaxNodeProvisionDuration")
    if client.wire.new:
        defaults |= {name: {"seconds": number + 1} for number, name in enumerate(names)}
    if client.wire.old:
        times = ("scaleDownUnneededTime", "scaleDownUnreadyTime", "MaxNodeProvisionTime")
        defaults |= {name: {"duration": (number + 1) * 10**9} for number, name in enumerate(times)}
        for group, idle in ((WEB, 600), (LARGE, 600), (JOBS, 90)):
            answer = await client.call("NodeGroupGetOptions", id=group, defaults=defaults)
            found = answer.nodeGroupAutoscalingOptions
            assert found.scaleDownUnneededTime.duration == idle * 10**9
            assert (found.scaleDownUnreadyTime.duration, found.MaxNodeProvisionTime.duration) == (2e9, 3e9)
            assert (found.scaleDownUtilizationThreshold, found.ignoreDaemonSetsUtilization) == (0.4, True)
            assert not found.zeroOrMaxNodeScaling
            if client.wire.new:  # these are read, so they must say the same
                assert [getattr(found, name).ToSeconds() for name in names] == [idle, 2, 3]
    else:
        status, _ = await failure(client.call("NodeGroupGetOptions", id=WEB, defaults=defaults))
        assert status == "UNIMPLEMENTED"
    assert (await failure(client.call("NodeGroupGetOptions", id="x")))[0] == "NOT_FOUND"


async def test_a_long_refusal_fits_into_an_answer(world: World, server: Running) -> None:
    async with world.client(server.port) as client:
        status, said = await failure(client.call("NodeGroupTargetSize", id="x" * 20_000))
    assert (status, len(said)) == ("NOT_FOUND", 1000)


async def test_every_call_is_answered_whatever_hangs(world: World, server: Running) -> None:
    world.cloud.hang = {"list", "create", "delete", "shapes"}
    async with world.client(server.port) as client:
        await client.call("Refresh")
        await client.call("NodeGroupIncreaseSize", id=JOBS, delta=50)
        calls = [client.call("NodeGroupTargetSize", id=JOBS) for _ in range(100)]
        assert {one.targetSize for one in await asyncio.gather(*calls)} == {50}
        assert len((await client.call("NodeGroupNodes", id=JOBS)).instances) == 50
    world.cloud.hang.clear()


async def test_bounds_change_with_the_spec(world: World, server: Running) -> None:
    async with world.client(server.port) as client:
        world.spec.write_text(
            SPEC.replace("max: 5", "max: 7").replace("max: 200", "max: 2"), encoding="utf-8"
        )
        await client.call("Refresh")
        found = (await client.call("NodeGroups")).nodeGroups
        assert [(one.id, one.maxSize) for one in found] == [(WEB, 7), (LARGE, 6), (JOBS, 2)]
        world.spec.write_text(SPEC.replace("tier: web", "tier: [web]"), encoding="utf-8")
        await client.call("Refresh")
        found = (await client.call("NodeGroups")).nodeGroups
        assert [one.maxSize for one in found] == [7, 6, 2]  # the last valid ones
        assert "kbootstrap_autoscaler_spec_valid 0.0" in (await page(server, "/metrics"))[1]
        assert any("SpecInvalid" in line and "spec.yaml:15" in line for line in world.log)
        world.spec.write_text(SPEC, encoding="utf-8")
        await client.call("Refresh")
        assert "kbootstrap_autoscaler_spec_valid 1.0" in (await page(server, "/metrics"))[1]


async def test_flavors_without_a_price_are_named(world: World, server: Running) -> None:
    """Only where a price decides: in pools of several flavors."""
    assert not any("PriceEstimated" in line for line in world.log)
    async with world.client(server.port) as client:
        world.spec.write_text(SPEC.replace(", large: 0.2", ""), encoding="utf-8")
        await client.call("Refresh")
    (line,) = (line for line in world.log if "PriceEstimated" in line)
    assert "no price of large:" in line


async def test_a_pool_that_leaves_the_spec(world: World, server: Running) -> None:
    async with world.client(server.port) as client:
        await client.call("NodeGroupIncreaseSize", id=WEB, delta=1)
        (id_,) = await until(client, {RUNNING})
        text = SPEC.replace(
            "        autoscaling: {min: 1, max: 5, flavors: [small, large]}", "        nodes: 1"
        )
        world.spec.write_text(text, encoding="utf-8")
        await client.call("Refresh")
        assert [one.id for one in (await client.call("NodeGroups")).nodeGroups] == [JOBS]
        node = {"name": id_.removeprefix("k3s://"), "providerID": id_}
        assert (await client.call("NodeGroupForNode", node=node)).nodeGroup.id == ""
        assert "kbootstrap_autoscaler_unknown_instances 1.0" in (await page(server, "/metrics"))[1]
    assert len(world.cloud.kept) == 1  # `apply` removes its nodes


async def test_fifty_at_once(world: World, server: Running) -> None:
    async with world.client(server.port) as client:
        await asyncio.gather(*(client.call("NodeGroupIncreaseSize", id=JOBS, delta=1) for _ in range(50)))
        for _ in range(6000):
            found = (await client.call("NodeGroupNodes", id=JOBS)).instances
            if [one.status.instanceState for one in found] == [RUNNING] * 50:
                break
            await asyncio.sleep(0.05)
        assert sorted(one.id for one in found) == [f"k3s://{name}" for name in world.cloud.names]
        assert len({one.address for one in world.cloud.kept.values()}) == 50
        assert world.cloud.calls.count("create") == 50
    text = (await page(server, "/metrics"))[1]
    assert 'kbootstrap_autoscaler_group_running{group="jobs/small"} 50.0' in text
    assert 'kbootstrap_autoscaler_node_ready_seconds_count{group="jobs/small"} 50.0' in text


async def test_a_failure_is_reported_with_its_class(world: World, server: Running) -> None:
    world.installer.fail = {"*"}
    async with world.client(server.port) as client:
        await client.call("NodeGroupIncreaseSize", id=WEB, delta=3)
        for _ in range(6000):
            answer = (await client.call("NodeGroupNodes", id=WEB)).instances
            infos = [one.status.errorInfo for one in answer if one.status.errorInfo.errorCode]
            if len(infos) == 3:
                break
            await asyncio.sleep(0.05)
        assert {(one.errorCode, one.instanceErrorClass) for one in infos} == {("NotInstalled", OTHER)}
        assert all("refuses the connection" in one.errorMessage for one in infos)
        status, said = await failure(client.call("NodeGroupIncreaseSize", id=WEB, delta=1))
        assert (status, "GroupStopped" in said) == ("FAILED_PRECONDITION", True)
