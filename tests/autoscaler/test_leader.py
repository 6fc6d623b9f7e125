"""One server acts: the election as data, and two servers with one Lease."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest

from kbootstrap.autoscaler import watch
from kbootstrap.autoscaler.leader import LEADS, RENEW, TAKES, Election, may_take
from kbootstrap.autoscaler.ports import LeaderLease
from tests.autoscaler.fakes import NEVER, FakeKubernetes
from tests.autoscaler.rig import on_clock
from tests.autoscaler.samples import SPEC
from tests.autoscaler.served import World, leading, page
from tests.autoscaler.wires import Client
from tests.fleet.clock import Clock

WEB = "web/small"


@pytest.mark.parametrize(
    ("holder", "unchanged", "allowed"),
    [
        ("", 0, True),
        ("me", 0, True),
        ("other", 0, False),
        ("other", TAKES - 1, False),
        ("other", TAKES, True),
    ],
)
def test_may_take(holder: str, unchanged: float, allowed: bool) -> None:
    assert may_take(LeaderLease(holder), "me", unchanged) is allowed


def test_there_is_never_more_than_one_leader() -> None:
    """Three servers; the leader stops without a word, or cannot reach Kubernetes, again and again."""
    clock = Clock(0.0, lambda _now: None)
    kubernetes = FakeKubernetes(clock.time)
    leaders: list[str] = []

    async def compete(election: Election) -> None:
        await election.acquire()
        await election.keep()

    async def story() -> None:
        found = {name: Election(kubernetes, name, clock.monotonic) for name in "abc"}
        tasks = {name: asyncio.ensure_future(compete(one)) for name, one in found.items()}
        for second in range(400):
            await asyncio.sleep(1)
            now = [name for name, one in found.items() if one.leading()]
            assert len(now) <= 1
            if now and now != leaders[-1:]:
                leaders.extend(now)
            kubernetes.down = 200 <= second < 240
            if second in {50, 100} and now:
                tasks[now[0]].cancel()
        for task in tasks.values():
            task.cancel()

    on_clock(story(), clock)
    assert len(leaders) >= 3
    assert LEADS + RENEW < TAKES


def test_a_released_lease_is_taken_at_once() -> None:
    clock = Clock(0.0, lambda _now: None)
    kubernetes = FakeKubernetes(clock.time)

    async def story() -> float:
        first, second = (Election(kubernetes, name, clock.monotonic) for name in "ab")
        await first.acquire()
        await first.release()
        assert not first.leading()
        begun = clock.now
        await second.acquire()
        assert kubernetes.lease_.changes == 2
        await first.release()  # not its own any more
        assert kubernetes.lease_.holder == "b"
        return clock.now - begun

    assert on_clock(story(), clock) < RENEW


def test_why_a_server_does_not_lead_is_reported_once() -> None:
    clock, reports = Clock(0.0, lambda _now: None), list[str]()
    kubernetes = FakeKubernetes(clock.time)

    async def story() -> None:
        first = Election(kubernetes, "a", clock.monotonic)
        await first.acquire()
        second = Election(kubernetes, "b", clock.monotonic, report=reports.append)
        await second.acquire()
        assert clock.now >= TAKES

    on_clock(story(), clock)
    assert reports == ["a leads"]


def test_a_server_that_slept_does_not_lead() -> None:
    """A suspended machine wakes up and knows nothing of it: only its clock does."""
    clock = Clock(0.0, lambda _now: None)

    async def story() -> None:
        election = Election(FakeKubernetes(clock.time), "a", clock.monotonic)
        await election.acquire()
        assert election.leading()
        clock.now += LEADS
        assert not election.leading()

    on_clock(story(), clock)


async def test_a_follower_does_not_listen_and_takes_over(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with world.server("cp-2_b") as second_ends:
        port = await leading(second_ends)
        async with world.client(port) as client:
            await client.call("NodeGroupIncreaseSize", id=WEB, delta=2)
            async with world.server("cp-1_a") as follower:
                await asyncio.sleep(1)
                assert follower.port == 0
                status, said = await page(follower, "/readyz")
                assert (status, said) == (503, "this server does not lead: cp-2_b leads\n")
                assert (await page(follower, "/healthz"))[0] == 200
                assert "kbootstrap_autoscaler_leader 0.0" in (await page(follower, "/metrics"))[1]
                assert (await page(second_ends, "/readyz"))[0] == 200
                while len(world.kubernetes.kept) < 3:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
                world.spec.write_text(SPEC.replace("max: 200", "max: 7"), encoding="utf-8")
                second_ends._parts.stop.set()
                port = await leading(follower)
                with pytest.raises(grpc.aio.AioRpcError):
                    await client.call("NodeGroups")  # its connection has ended with the lead
                async with world.client(port) as other:
                    assert (await other.call("NodeGroupTargetSize", id=WEB)).targetSize == 3
                    assert (await other.call("NodeGroups")).nodeGroups[2].maxSize == 7
                assert world.kubernetes.lease_.changes == 2
    assert world.cloud.calls.count("create") == 2


async def test_a_lost_lease_closes_the_port(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with world.server() as server:
        port = await leading(server)
        kubernetes = world.kubernetes
        kubernetes.lease_ = LeaderLease("thief", "now", 5, kubernetes.lease_.version)
        async with world.client(port) as client:
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await asked_again_and_again(client)
            # On a busy machine a running call may be cancelled, else it is refused.
            assert raised.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
        for _ in range(6000):
            if server.port == 0:
                break
            await asyncio.sleep(0.05)
        assert server.port == 0
        assert (await page(server, "/readyz"))[0] == 503
        kubernetes.lease_ = LeaderLease("", "", 6, kubernetes.lease_.version)
        await leading(server)  # it comes back when it may


async def asked_again_and_again(client: Client) -> None:
    for _ in range(6000):
        await client.call("NodeGroups")
        await asyncio.sleep(0.05)


async def test_nothing_is_answered_before_everything_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty list of nodes would be taken for the truth. To stop, it does not wait for what hangs."""
    monkeypatch.setattr(watch, "LIMIT", NEVER)
    world = World(tmp_path)
    world.kubernetes.kept.clear()
    world.cloud.hang = {"list"}
    async with world.server() as server:
        await asyncio.sleep(0.5)
        assert server.port == 0
        assert (await page(server, "/readyz"))[1].startswith("machines and nodes are not known yet")
        server._parts.stop.set()
