from __future__ import annotations

import asyncio

import pytest

from kbootstrap.core.errors import CredentialsRefused, HostKeyChanged, HostUnreachable, KbootstrapError
from kbootstrap.hosts.pool import connect_all, reach_all, summary
from tests.hosts.fake import FakeConnector, succeed
from tests.hosts.test_fake import machine

MACHINES = [machine(name) for name in ("b", "a", "c")]


async def test_all_are_connected_and_closed() -> None:
    connector = FakeConnector(succeed)
    async with connect_all(connector, MACHINES, deadline=1) as hosts:
        assert list(hosts) == ["b", "a", "c"]
        assert not any(host.closed for host in connector.hosts.values())
    assert all(host.closed for host in connector.hosts.values())


async def test_closed_when_the_work_fails() -> None:
    connector = FakeConnector(succeed)
    with pytest.raises(ValueError, match="work"):
        async with connect_all(connector, MACHINES, deadline=1):
            raise ValueError("work")
    assert all(host.closed for host in connector.hosts.values())


async def test_every_failing_host_is_named() -> None:
    refusals: dict[str, Exception | list[Exception]] = {
        "b": HostUnreachable("no SSH connection to b: no answer", hint="look"),
        "c": CredentialsRefused("c refuses", hint="key", code="KB0703"),
    }
    connector = FakeConnector(refusals=refusals)
    with pytest.raises(CredentialsRefused) as caught:
        async with connect_all(connector, MACHINES, deadline=1):
            pytest.fail("must not be reached")
    assert caught.value.message == "no connection to 2 hosts: b, c"
    assert caught.value.detail == "b: no SSH connection to b: no answer\nc: c refuses"
    assert (caught.value.hint, caught.value.code) == ("key", "KB0703")
    assert connector.hosts["a"].closed


async def test_those_that_answered_beside_the_failures() -> None:
    refusal = HostUnreachable("no answer")
    connector = FakeConnector(refusals={"a": refusal})
    async with reach_all(connector, MACHINES, deadline=1) as reached:
        assert list(reached.hosts) == ["b", "c"]
        assert reached.failures == {"a": refusal}
    assert all(host.closed for host in connector.hosts.values())


async def test_one_failure_stays_itself() -> None:
    refusal = HostKeyChanged("changed", hint="forget it")
    with pytest.raises(HostKeyChanged) as caught:
        async with connect_all(FakeConnector(refusals={"a": refusal}), MACHINES, deadline=1):
            pytest.fail("must not be reached")
    assert caught.value is refusal


async def test_cancelled_while_some_are_connected() -> None:
    connector = FakeConnector(hanging=frozenset({"c"}))

    async def work() -> None:
        async with connect_all(connector, MACHINES, deadline=60):
            pytest.fail("must not be reached")

    task = asyncio.create_task(work())
    await asyncio.sleep(0.02)
    assert sorted(connector.hosts) == ["a", "b"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(host.closed for host in connector.hosts.values())


async def test_a_bug_is_not_hidden() -> None:
    connector = FakeConnector(refusals={"c": RuntimeError("bug")})
    with pytest.raises(ExceptionGroup):
        async with connect_all(connector, MACHINES, deadline=1):
            pytest.fail("must not be reached")
    assert all(host.closed for host in connector.hosts.values())


def test_the_name_of_a_host_is_said_once() -> None:
    failures: dict[str, KbootstrapError] = {
        "a-1": HostUnreachable("a-1 (10.0.0.1:22) does not answer"),
        "a-2": HostUnreachable("connection refused"),
    }
    assert summary(failures).detail == "a-1 (10.0.0.1:22) does not answer\na-2: connection refused"
