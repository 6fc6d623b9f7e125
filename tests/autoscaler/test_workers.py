"""Service, workers and watch together, on a simulated clock."""

from __future__ import annotations

import asyncio

from kbootstrap.autoscaler.model import DEADLINE, SHOWN, InstancePhase
from kbootstrap.autoscaler.service import CREATING, OTHER, OUT_OF_RESOURCES
from kbootstrap.autoscaler.todo import Kind
from kbootstrap.autoscaler.workers import AT_ONCE
from kbootstrap.core.errors import KbootstrapError
from tests.autoscaler.rig import Rig
from tests.autoscaler.samples import small

WEB = "web/small"


def test_up_and_down() -> None:
    rig = Rig()

    async def work() -> None:
        async with rig.life() as server:
            await server.grow(WEB, 2)
            assert await server.target(WEB) == 3  # at once, before anything is there
            assert rig.cloud.names == []
            await asyncio.sleep(70)
            names = rig.cloud.names
            assert server.phases() == dict.fromkeys(names, InstancePhase.RUNNING)
            assert len(names) == 2
            assert len({one.address for one in rig.cloud.kept.values()} & {*small().addresses}) == 2
            await server.remove(WEB, names[0])
            assert await server.target(WEB) == 2
            await asyncio.sleep(60)
            assert rig.cloud.names == names[1:]
            assert rig.kubernetes.kept.keys() == {"prod-web-1", names[1]}
            kept = {name for name, node in rig.kubernetes.kept.items() if node.kept}
            assert kept == {"prod-web-1"}, "Cluster Autoscaler must not choose a static node"
            assert rig.installer.forgotten == [names[0]]
            assert server.phases() == {names[1]: InstancePhase.RUNNING}

    rig.run(work())
    assert rig.reasons == ["SizeIncreased", "NodeReady", "NodeReady", "NodeRemoved"]


def test_its_own_share_is_small() -> None:
    """The cloud boots in 20 s, and an installation takes 30 s: the rest is ours."""
    rig = Rig()
    shares = []

    async def work() -> None:
        async with rig.life() as server:
            server.fleet.ready_after = lambda _group, seconds: shares.append(seconds - 20 - 30)
            await asyncio.sleep(17)  # at any moment, not only when it looks anyway
            await server.grow(WEB, 3)
            await asyncio.sleep(120)

    rig.run(work())
    assert len(shares) == 3
    assert max(shares) < 5


def test_quota() -> None:
    """What fits is made; the rest is reported with its class, and the target goes down without any help."""
    rig = Rig()
    rig.cloud.room = 1

    async def work() -> None:
        async with rig.life() as server:
            await server.grow(WEB, 4)
            await asyncio.sleep(10)
            assert await server.target(WEB) == 2
            answer = await server.call("NodeGroupNodes", id=WEB)
            faults = [one.status for one in answer.instances if one.status.errorInfo.errorCode]
            assert len(faults) == 3
            assert {one.instanceState for one in faults} == {CREATING}
            assert {one.errorInfo.instanceErrorClass for one in faults} == {OUT_OF_RESOURCES}
            assert "quota" in faults[0].errorInfo.errorMessage
            await server.grow("web/large", 1)  # the other flavor is asked for by itself
            rig.cloud.room = 9
            await asyncio.sleep(SHOWN + 60)
            assert len(rig.cloud.names) == 2
            assert set(server.phases().values()) == {InstancePhase.RUNNING}

    rig.run(work())


def test_cluster_autoscaler_removes_what_failed() -> None:
    rig = Rig()
    rig.cloud.room = 0

    async def work() -> None:
        async with rig.life() as server:
            await server.grow(WEB, 1)
            await asyncio.sleep(5)
            answer = await server.call("NodeGroupNodes", id=WEB)
            (failed,) = (one for one in answer.instances if one.status.errorInfo.errorCode)
            await server.remove(WEB, failed.id)
            await asyncio.sleep(30)
            assert server.phases() == {}

    rig.run(work())


def test_machines_in_error() -> None:
    """They are deleted at once, not after their fault was shown: they cost money or quota."""
    rig = Rig()

    async def work() -> None:
        async with rig.life() as server:
            await server.grow(WEB, 1)
            await asyncio.sleep(3)
            (name,) = server.phases()
            rig.cloud.broken[name] = True
            await asyncio.sleep(10)
            assert rig.cloud.names == []
            assert server.phases() == {name: InstancePhase.FAILED}
            assert await server.target(WEB) == 1
            await asyncio.sleep(SHOWN + 30)
            assert server.phases() == {}

    rig.run(work())
    assert "OutOfResources" in rig.reasons


def test_machines_that_never_answer_are_given_up_before_cluster_autoscaler_does() -> None:
    rig = Rig()
    rig.installer.hang = {"*"}

    async def work() -> None:
        async with rig.life() as server:
            await server.grow(WEB, 3)
            await asyncio.sleep(DEADLINE - 30)
            assert len(rig.cloud.names) == 3
            await asyncio.sleep(60)
            assert rig.cloud.names == []
            assert await server.target(WEB) == 1
            answer = await server.call("NodeGroupNodes", id=WEB)
            infos = [one.status.errorInfo for one in answer.instances if one.status.errorInfo.errorCode]
            assert [one.instanceErrorClass for one in infos] == [OTHER] * 3
            (group, _) = (await server.call("NodeGroups")).nodeGroups
            assert (group.id, group.maxSize) == (WEB, 1)  # three in a row: it stops
            assert "3 failures in a row" in group.debug

    rig.run(work())
    assert rig.reasons.count("GroupStopped") == 1


def test_an_infrastructure_that_never_answers_does_not_hold_other_work() -> None:
    """More requests hang than there are places; those places are free again after a minute."""
    rig = Rig(groups=(small(maximum=50, addresses=tuple(f"10.0.1.{n}" for n in range(99))),))
    rig.cloud.hang = {"create"}

    async def work() -> None:
        async with rig.life() as server:
            await server.grow(WEB, AT_ONCE[Kind.CREATE] + 5)
            await asyncio.sleep(61)
            rig.cloud.hang.clear()
            await asyncio.sleep(150)
            assert set(server.phases().values()) == {InstancePhase.RUNNING}
            assert len(rig.cloud.names) == AT_ONCE[Kind.CREATE] + 5

    rig.run(work())


def test_failures_of_a_moment_are_survived() -> None:
    rig = Rig()
    gone = KbootstrapError("the API answers 503")
    rig.cloud.fail = {"create": [gone, gone], "delete": [gone], "list": [gone, gone]}

    async def work() -> None:
        async with rig.life() as server:
            await asyncio.sleep(10)
            assert server.fleet.synced
            await server.grow(WEB, 1)
            await asyncio.sleep(90)
            (name,) = rig.cloud.names
            assert server.phases() == {name: InstancePhase.RUNNING}
            await server.remove(WEB, name)
            await asyncio.sleep(60)
            assert rig.cloud.names == []

    rig.run(work())
    assert rig.reasons.count("RemovalFailed") == 1
    assert rig.reasons.count("ReadingFailed") == 1


def test_taken_addresses_are_passed_over() -> None:
    rig = Rig()
    free = {*small().addresses[2:4]}
    rig.cloud.taken = {*small().addresses} - free

    async def work() -> None:
        async with rig.life() as server:
            await server.grow(WEB, 2)
            await asyncio.sleep(90)
            assert {one.address for one in rig.cloud.kept.values()} == free
            assert set(server.phases().values()) == {InstancePhase.RUNNING}

    rig.run(work())


def test_a_node_that_is_removed_while_it_is_installed() -> None:
    rig = Rig()

    async def work() -> None:
        async with rig.life() as server:
            await server.grow(WEB, 1)
            await asyncio.sleep(30)
            (name,) = server.phases()
            assert rig.installer.running == 1
            await server.remove(WEB, f"k3s://{name}")
            await asyncio.sleep(5)
            assert rig.installer.running == 0
            await asyncio.sleep(60)
            assert (rig.cloud.names, server.phases()) == ([], {})

    rig.run(work())


def test_a_machine_that_is_deleted_outside_of_kbootstrap() -> None:
    rig = Rig()

    async def work() -> None:
        async with rig.life() as server:
            await server.grow(WEB, 1)
            await asyncio.sleep(90)
            rig.cloud.kept.clear()
            await asyncio.sleep(90)
            assert rig.kubernetes.kept.keys() == {"prod-web-1"}
            assert await server.target(WEB) == 1

    rig.run(work())
    assert "MachineVanished" in rig.reasons


def test_kubernetes_that_does_not_answer_deletes_nothing() -> None:
    rig = Rig()

    async def work() -> None:
        async with rig.life() as server:
            await server.grow(WEB, 1)
            await asyncio.sleep(90)
            rig.kubernetes.down = True
            await asyncio.sleep(3600)
            assert len(rig.cloud.names) == 1
            assert set(server.phases().values()) == {InstancePhase.RUNNING}

    rig.run(work())


def test_fifty_at_once() -> None:
    """None is lost, none is doubled, none shares its address, and the bounds hold."""
    addresses = tuple(f"10.0.{net}.{host}" for net in (1, 2) for host in range(250))
    rig = Rig(groups=(small(maximum=51, addresses=addresses),))

    async def work() -> None:
        async with rig.life() as server:
            await asyncio.gather(*(server.grow(WEB, 1) for _ in range(50)))
            await asyncio.sleep(120)
            assert set(server.phases().values()) == {InstancePhase.RUNNING}
            assert (
                server.phases().keys() == set(rig.cloud.names) == rig.kubernetes.kept.keys() - {"prod-web-1"}
            )
            assert len({one.address for one in rig.cloud.kept.values()}) == len(rig.cloud.names) == 50
            assert rig.cloud.calls.count("create") == 50
            assert rig.installer.at_once <= AT_ONCE[Kind.INSTALL]
            await server.remove(WEB, *rig.cloud.names)
            await asyncio.sleep(60)
            assert (rig.cloud.names, server.phases()) == ([], {})
            assert await server.target(WEB) == 1

    rig.run(work())


def test_five_hundred_machines_that_are_there() -> None:
    rig = Rig(groups=(small(maximum=501),))
    for number in range(500):
        rig.cloud.add(f"prod-web-{number:03}x", age=3600)
        rig.kubernetes.add(f"prod-web-{number:03}x")

    async def work() -> None:
        async with rig.life() as server:
            assert await server.target(WEB) == 501
            answer = await server.call("NodeGroupNodes", id=WEB)
            assert len({one.id for one in answer.instances}) == 501
            assert set(server.phases().values()) == {InstancePhase.RUNNING}
            assert rig.installer.begun == []

    rig.run(work())
