"""A reboot: how it is noticed, what is waited for, and what ends the wait."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from kbootstrap.core.errors import DeadlinePassed, HostKeyChanged, HostUnreachable
from kbootstrap.engine import connect, reboot
from kbootstrap.hosts.model import Host
from tests.hosts.fake import FakeHost, Run, output

ANSWER = "begin kbootstrap-maintain\npackage-manager apt\nboot {}\nend kbootstrap-maintain\n"


class Place:
    """A machine that starts again after some attempts to connect to it."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *attempts: str | Exception, role: str = "server"
    ) -> None:
        self.attempts, self.tried, self.again = list(attempts), 0, list[str]()
        self.host = self.of("first")
        nodes = (SimpleNamespace(name="n1", role=role),)
        lease = SimpleNamespace(again=self.take, guard=lambda host: host)
        provider = SimpleNamespace(inventory=self.inventory)
        self.context: Any = SimpleNamespace(
            nodes=nodes, lease=lease, provider=provider, provider_context=None
        )
        monkeypatch.setattr(connect, "connector", lambda _: self)
        monkeypatch.setattr(reboot, "POLL", 0)

    @staticmethod
    def of(boot: str) -> FakeHost:
        def answer(_: Run) -> object:
            return output(ANSWER.format(boot))

        return FakeHost("n1", answer)  # type: ignore[arg-type]

    async def inventory(self, *_: object) -> Any:  # noqa: ANN401
        return SimpleNamespace(machines={"n1": "machine"})

    async def connect(self, *_: object, deadline: float) -> Host:
        del deadline
        found = self.attempts[min(self.tried, len(self.attempts) - 1)]
        self.tried += 1
        if isinstance(found, Exception):
            raise found
        return self.of(found)

    async def take(self, host: Host) -> None:
        self.again.append(host.name)

    async def reboot(self, waiting: Callable[[str], None] = lambda _: None) -> Host:
        async with AsyncExitStack() as stack:
            return await reboot.reboot(self.context, {}, self.host, stack, waiting)


UNREACHABLE = HostUnreachable("no SSH connection to n1", code="KB0701")


@pytest.mark.parametrize(("role", "again"), [("server", ["n1"]), ("agent", [])])
async def test_it_is_waited_for(monkeypatch: pytest.MonkeyPatch, role: str, again: list[str]) -> None:
    place = Place(monkeypatch, "first", UNREACHABLE, "second", role=role)
    said: list[str] = []
    await place.reboot(said.append)
    assert place.tried == 3
    assert said == ["it still runs", "it has not stopped yet", "no SSH connection to n1"]
    assert place.again == again
    assert ["doing=reboot" in command for command in place.host.commands] == [False, True]


@pytest.mark.parametrize(("last", "why"), [(UNREACHABLE, "no SSH connection"), ("first", "not stopped yet")])
async def test_a_machine_that_does_not_come_back(
    monkeypatch: pytest.MonkeyPatch, last: str | Exception, why: str
) -> None:
    place = Place(monkeypatch, last)
    monkeypatch.setattr(reboot, "REBOOT", 0.2)
    with pytest.raises(DeadlinePassed, match=why) as raised:
        await place.reboot()
    assert raised.value.code == "KB0868"
    assert place.again == []


async def test_another_host_key_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(monkeypatch, UNREACHABLE, HostKeyChanged("n1 presents another key", code="KB0702"))
    with pytest.raises(HostKeyChanged):
        await place.reboot()
    assert place.tried == 2
