"""Which failures are retried once, and which are reported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kbootstrap.core.errors import TofuFailed
from kbootstrap.core.events import Event
from kbootstrap.engine.infrastructure import carry_out
from kbootstrap.providers.model import MachineState, OrphanPhase
from kbootstrap.providers.openstack.traits import TRAITS
from kbootstrap.tofu.plan import Kind, PlanSummary, ResourceChange
from kbootstrap.tofu.state import State
from kbootstrap.tofu.stream import OnCreated

NODE = 'module.pool_web.openstack_compute_instance_v2.node["c-web-2"]'
CHASED = (
    "Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for "
    "instance 8b771ef6-e31e-4e92-872c-a9a752550a8c."
)


def change(kind: Kind, reason: str | None = None) -> PlanSummary:
    return PlanSummary(
        (ResourceChange(NODE, "", kind, (), "c-web-2", (), reason, None, role="machine"),),
        (),
        (),
    )


class _Tofu:
    """Fails the given number of times."""

    planfile = Path("planned")

    def __init__(self, failures: int, rest: PlanSummary) -> None:
        self.failures, self.rest = failures, rest
        self.done: list[str] = []

    async def state(self) -> State:
        return State(ids=frozenset({"net-1"}))

    async def plan(self, _: Path) -> PlanSummary:
        self.done.append("plan")
        return self.rest

    async def apply(self, _: Path, on_created: OnCreated) -> None:
        self.done.append("apply")
        self.failures -= 1
        if self.failures >= 0:
            raise TofuFailed("OpenTofu could not apply the changes of cluster c", code="KB0501")
        on_created(NODE, "id-2")


async def run(tofu: _Tofu, *faults: str, created: dict[str, str] | None = None) -> list[Event]:
    async def inspect(_context: object, **asked: bool) -> dict[str, MachineState]:
        assert asked == {"faults": True}
        return {f"c-web-{number}": MachineState(fault=words) for number, words in enumerate(faults, 2)}

    async def remove_orphans(_context: object, phase: OrphanPhase, *, known: frozenset[str]) -> None:
        assert phase is OrphanPhase.BEFORE_CREATE
        assert tofu.done == []
        assert known == {"net-1"}

    events: list[Event] = []
    context: Any = SimpleNamespace(
        provider=SimpleNamespace(traits=TRAITS, inspect=inspect, remove_orphans=remove_orphans),
        spec=None,
        cluster=SimpleNamespace(name="c"),
        provider_context=None,
        runtime=SimpleNamespace(emit=events.append),
        lease=SimpleNamespace(verify=lambda: None),
    )
    subject: Any = tofu
    await carry_out(context, subject, change("create"), ({} if created is None else created).__setitem__)
    return events


async def test_machines_that_conflicted_are_created_once_more() -> None:
    tofu, created = _Tofu(1, change("replace", "replace_because_tainted")), dict[str, str]()
    (event,) = await run(tofu, CHASED, created=created)
    assert created == {NODE: "id-2"}, "heard of the second one only"
    assert tofu.done == ["apply", "plan", "apply"]
    assert event.node == "c-web-2"
    assert "Exhausted all hosts" in str(event.detail)


@pytest.mark.parametrize(
    ("failures", "rest", "faults", "done"),
    [
        (2, change("replace", "replace_because_tainted"), [CHASED], ["apply", "plan", "apply"]),
        (1, change("replace", "replace_because_cannot_update"), [CHASED], ["apply", "plan"]),
        (1, change("create"), ["No valid host was found."], ["apply"]),
        (1, change("create"), [CHASED, "Quota exceeded for instances"], ["apply"]),
        (1, change("create"), [], ["apply"]),
    ],
)
async def test_what_is_reported(
    failures: int, rest: PlanSummary, faults: Sequence[str], done: Sequence[str]
) -> None:
    tofu = _Tofu(failures, rest)
    with pytest.raises(TofuFailed):
        await run(tofu, *faults)
    assert tofu.done == done
