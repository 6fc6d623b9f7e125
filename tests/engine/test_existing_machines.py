"""Machines that exist as the infrastructure's half: nothing to plan, and given back when it is destroyed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kbootstrap.core.errors import HostUnreachable, InstallFailed
from kbootstrap.core.events import Event, Status
from kbootstrap.engine import existing_machines as module
from kbootstrap.engine.existing_machines import ExistingInfrastructure, existing_infrastructure, uninstall_all
from kbootstrap.engine.infrastructure import Infrastructure
from kbootstrap.hosts.fake import Answer, FakeConnector, Run, output
from kbootstrap.inventory.model import Endpoint, Inventory, Machine, SshTarget

MACHINES: dict[str, Any] = {"kbootstrap": {"spec": "s", "cluster": "c", "nodes": {"a": {}, "b": {}}}}


class _Provider:
    async def inventory(self, *_: object) -> Inventory:
        end = Endpoint("10.0.0.1", 6443)
        machines = {
            name: Machine(name, "10.0.0.1", SshTarget(name, "10.0.0.1", 22, "root"), name) for name in "ab"
        }
        return Inventory("c", machines, end, end, ())


def context(folder: Path, reported: list[Event]) -> Any:  # noqa: ANN401
    from kbootstrap import distros

    return SimpleNamespace(
        provider=_Provider(),
        cluster=SimpleNamespace(name="c"),
        provider_context=None,
        distribution=distros.find("k3s"),
        runtime=SimpleNamespace(emit=reported.append),
        space=SimpleNamespace(root=folder / "c"),
    )


async def test_there_is_never_anything_to_do(tmp_path: Path) -> None:
    made: Infrastructure = existing_infrastructure(context(tmp_path, []), MACHINES)
    assert made.root.is_dir()  # so that a cluster which left the spec is reported
    state = await made.state()
    assert state.outputs == MACHINES
    assert (state.ids, state.by_address) == (frozenset(), {})
    assert (await made.plan(tmp_path / "plan", replace=["x"])).empty


async def test_other_machines_are_another_state() -> None:
    async def nothing() -> None:
        """Give nothing back."""

    one, same, other = [
        (await ExistingInfrastructure(Path(root), machines, nothing).state()).identity
        for root, machines in (("", MACHINES), ("x", dict(MACHINES)), ("", {"kbootstrap": {}}))
    ]
    assert one == same != other


async def _back(folder: Path, answers: dict[str, Answer], monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    reported: list[Event] = []

    def answer(call: Run) -> Answer:
        return answers[call.host]

    monkeypatch.setattr(module, "connector", lambda _: FakeConnector(answer))
    try:
        await uninstall_all(context(folder, reported), MACHINES)
    finally:
        reported[:] = [event for event in reported if event.status is not Status.STARTED]
    return reported


async def test_every_machine_is_cleaned_and_foreign_ones_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: dict[str, Answer] = {
        "a": output("kbootstrap-uninstall removed\n"),
        "b": output("kbootstrap-uninstall foreign\n"),
    }
    reported = {event.node: event for event in await _back(tmp_path, answers, monkeypatch)}
    assert reported["a"].detail is None
    assert "skipped" in (reported["b"].detail or "")


async def test_a_failure_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Event] = []
    answers = {"a": output(status=1, stderr="busy"), "b": output("kbootstrap-uninstall removed\n")}
    monkeypatch.setattr(module, "connector", lambda _: FakeConnector(lambda call: answers[call.host]))
    with pytest.raises(InstallFailed, match="a"):
        await uninstall_all(context(tmp_path, reported), MACHINES)
    assert {(e.node, e.status) for e in reported} >= {("a", Status.FAILED), ("b", Status.DONE)}


async def test_nothing_begins_while_a_machine_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    silent = {"b": HostUnreachable("b is silent", hint="look", host="b")}

    def answer(call: Run) -> Answer:
        asked.append(call.host)
        return output("kbootstrap-uninstall removed\n")

    monkeypatch.setattr(module, "connector", lambda _: FakeConnector(answer, refusals=silent))
    with pytest.raises(HostUnreachable, match="b is silent") as caught:
        await uninstall_all(context(tmp_path, []), MACHINES)
    assert asked == []
    assert "remove it from the spec" in (caught.value.hint or "")
