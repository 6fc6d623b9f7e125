"""What a plan asks, at what time, and whose errors count: OpenTofu, the infrastructure, the nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kbootstrap.core.errors import CredentialsRefused, HostUnreachable, SpecInvalid, TofuFailed, WrongUsage
from kbootstrap.core.events import nowhere
from kbootstrap.engine import plan_cluster as subject
from kbootstrap.engine.downloads import Downloads
from kbootstrap.engine.plan_cluster import plan_cluster
from kbootstrap.providers.model import MachineState
from kbootstrap.providers.openstack.traits import TRAITS
from kbootstrap.tofu.plan import Kind, PlanSummary, ResourceChange
from kbootstrap.tofu.state import State
from tests.engine.clusters import context

NODE = 'module.pool_web.openstack_compute_instance_v2.node["c-web-1"]'
EMPTY = PlanSummary((), (), ())
OUTPUTS: Mapping[str, Any] = {"kbootstrap": {"nodes": {"c-web-1": {"role": "agent"}}}}


def change(kind: Kind, reason: str | None = None) -> PlanSummary:
    found = ResourceChange(NODE, "", kind, (), "c-web-1", (), reason, None, role="machine")
    return PlanSummary((found,), (), ())


class _Cloud:
    """Notes what it is asked; `missing` says that the machine is gone, `refuses` ends the preflight."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.missing = False
        self.refuses: Exception | None = None
        self.preflight = self
        self.traits = TRAITS

    async def pin(self, _context: object) -> None:
        return None

    async def verify(self, _context: object) -> None:
        self.log.append("preflight")
        await asyncio.sleep(0.02)
        if self.refuses:
            raise self.refuses

    async def inspect(self, _context: object, **asked: object) -> dict[str, MachineState]:
        self.log.append("inspect")
        await asyncio.sleep(0.01)
        gone = MachineState(gone="it is gone", replace=(NODE,))
        return {"c-web-1": gone} if self.missing and "outputs" in asked else {}


class _Tofu:
    """Plans what it is told to, and takes longer than the others."""

    planfile = Path("plan")

    def __init__(self, cloud: _Cloud, outputs: Mapping[str, Any], *plans: PlanSummary) -> None:
        self.cloud, self.log, self.made, self.plans = cloud, cloud.log, outputs, list(plans)
        self.failure: Exception | None = None
        self.unfinished = False

    async def state(self) -> State:
        self.log.append("state")
        return State(self.made, {NODE: "i-1"} if self.made or self.unfinished else {})

    async def untaint(self, address: str) -> None:
        self.log.append(f"untaint {address}")

    async def plan(self, _: Path, *, replace: Sequence[str] = ()) -> PlanSummary:
        self.log.append(f"plan{' and replace' if replace else ''}")
        stopped = self.cloud.missing and not replace
        await asyncio.sleep(3600 if stopped else 0.05)
        if self.failure:
            raise self.failure
        self.log.append("planned")
        return self.plans.pop(0)


@pytest.fixture
def cloud() -> _Cloud:
    return _Cloud()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch, cloud: _Cloud) -> list[HostUnreachable | None]:
    """Nodes that answer with nothing to do, or with an error."""
    found: list[HostUnreachable | None] = [None]

    async def look(_context: object, outputs: Mapping[str, Any], *_: object, **__: object) -> object:
        if outputs:
            cloud.log.append("look")
            await asyncio.sleep(0.01)
        return None, found[0]

    monkeypatch.setattr(subject, "look", look)
    return found


async def plan(
    cloud: _Cloud,
    tofu: _Tofu,
    monkeypatch: pytest.MonkeyPatch,
    *,
    new: bool = False,
    build: float = 0,
    certain: bool = False,
    **options: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Plan; `new`: OpenTofu must be initialised, for which its provider is built for so many seconds.

    `certain`: before the state is read, it is certain that there is none.
    """
    given: Any = context("c", emit=nowhere)
    given.provider, given.nodes = cloud, (SimpleNamespace(name="c-web-1"),)
    given.provider_context = SimpleNamespace()
    given.spec.name = "s"
    given.unprovisioned, given.location = _nobody, _nowhere
    monkeypatch.setattr("kbootstrap.engine.preflight.replace", lambda asked, **_: asked)
    monkeypatch.setattr(subject, "forbidden", lambda *_, **__: ())
    monkeypatch.setattr(subject, "unknown_to_state", lambda *_, **__: ())

    async def prepare(_context: object, meanwhile: Callable[[], None]) -> _Tofu:
        if new:
            meanwhile()
        try:
            await asyncio.sleep(build)
        except asyncio.CancelledError:
            cloud.log.append("stopped")
            raise
        return tofu

    async def obtain(_downloads: Downloads, arch: str) -> None:
        cloud.log.append(f"obtain {arch}")
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cloud.log.append("obtain no more")
            raise

    monkeypatch.setattr(subject, "never_created", lambda _context: certain)
    monkeypatch.setattr(Downloads, "_obtain", obtain)
    monkeypatch.setattr(subject, "prepare", prepare)
    async with AsyncExitStack() as stack:
        made = await plan_cluster(given, stack, **options)
        await asyncio.sleep(0)
        return made


async def _nobody(_names: object) -> frozenset[str]:
    return frozenset()


async def _nowhere() -> str:
    return ""


pytestmark = pytest.mark.usefixtures("looks")


async def test_a_second_apply_asks_each_question_once_and_at_the_same_time(
    cloud: _Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plan(cloud, _Tofu(cloud, OUTPUTS, EMPTY), monkeypatch)
    assert sorted(cloud.log) == ["inspect", "look", "plan", "planned", "state"]
    assert cloud.log[:2] == ["state", "plan"], "the state would wait for the plan's lock"
    assert cloud.log[-1] == "planned", "the others are asked while OpenTofu refreshes"


async def test_what_is_created_is_preceded_by_a_preflight(
    cloud: _Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.refuses = SpecInvalid("the cloud cannot create it")
    with pytest.raises(SpecInvalid):
        await plan(cloud, _Tofu(cloud, OUTPUTS, change("create")), monkeypatch)
    assert cloud.log.index("planned") < cloud.log.index("preflight")


@pytest.mark.parametrize("new", [True, False])
async def test_the_preflight_of_a_new_cluster_waits_for_nothing(
    cloud: _Cloud, monkeypatch: pytest.MonkeyPatch, new: bool
) -> None:
    await plan(cloud, _Tofu(cloud, {}, change("create")), monkeypatch, new=new)
    assert cloud.log.count("preflight") == 1
    assert cloud.log.index("preflight") < cloud.log.index("planned")
    assert "look" not in cloud.log


async def test_a_preflight_that_fails_does_not_wait_for_a_provider_to_be_built(
    cloud: _Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.refuses = SpecInvalid("the cloud cannot create it")
    tofu = _Tofu(cloud, {}, change("create"))
    with pytest.raises(SpecInvalid):
        async with asyncio.timeout(20):
            await plan(cloud, tofu, monkeypatch, new=True, build=3600)
    assert cloud.log == ["preflight", "stopped"]


async def test_what_the_infrastructure_says_comes_before_an_error_of_opentofu(
    cloud: _Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    tofu = _Tofu(cloud, {})
    tofu.failure, cloud.refuses = TofuFailed("no such flavor"), CredentialsRefused("no such user")
    with pytest.raises(CredentialsRefused):
        await plan(cloud, tofu, monkeypatch)
    cloud.refuses = None
    with pytest.raises(TofuFailed):
        await plan(cloud, tofu, monkeypatch)


async def test_opentofu_plans_again_for_what_is_gone(cloud: _Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.missing = True
    made = await plan(cloud, _Tofu(cloud, OUTPUTS, change("replace")), monkeypatch)
    assert [what for what in cloud.log if what.startswith("plan")] == ["plan", "plan and replace", "planned"]
    assert made.gone == {NODE: "it is gone"}
    assert made.nodes is None
    assert made.infrastructure.of("replace")


async def test_nodes_that_do_not_answer_are_in_the_plan(
    cloud: _Cloud, monkeypatch: pytest.MonkeyPatch, looks: list[HostUnreachable | None]
) -> None:
    looks[0] = HostUnreachable("c-web-1 is silent")
    made = await plan(cloud, _Tofu(cloud, OUTPUTS, EMPTY), monkeypatch)
    assert made.unseen is looks[0]


@pytest.mark.parametrize("certain", [True, False])
async def test_artifacts_of_a_new_cluster_are_obtained_beside_what_opentofu_does(
    cloud: _Cloud, monkeypatch: pytest.MonkeyPatch, certain: bool
) -> None:
    """While its provider is built, if there is certainly no state; else as soon as the state is read."""
    tofu = _Tofu(cloud, {}, change("create"))
    await plan(cloud, tofu, monkeypatch, new=True, build=0.05, certain=certain, starting=True)
    assert (cloud.log.index("obtain amd64") < cloud.log.index("state")) is certain
    assert cloud.log.index("obtain amd64") < cloud.log.index("planned")
    assert cloud.log[0] == "preflight"
    assert cloud.log[-1] == "obtain no more", "the run ended without a use for them"
    assert cloud.log.count("obtain amd64") == 1


async def test_a_new_checkout_of_a_cluster_that_exists_obtains_nothing(
    cloud: _Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a CI job with a remote state: OpenTofu must be initialised, and there is nothing to do."""
    await plan(cloud, _Tofu(cloud, OUTPUTS, EMPTY), monkeypatch, new=True, starting=True)
    assert "obtain amd64" not in cloud.log


async def test_artifacts_are_obtained_while_opentofu_adds_a_machine(
    cloud: _Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plan(cloud, _Tofu(cloud, OUTPUTS, change("create")), monkeypatch, starting=True)
    assert cloud.log.index("planned") < cloud.log.index("obtain amd64")


@pytest.mark.parametrize(("outputs", "made"), [({}, change("create")), (OUTPUTS, EMPTY)])
async def test_a_plan_obtains_nothing_and_neither_does_an_apply_without_changes(
    cloud: _Cloud, monkeypatch: pytest.MonkeyPatch, outputs: Mapping[str, Any], made: PlanSummary
) -> None:
    await plan(cloud, _Tofu(cloud, outputs, made), monkeypatch, new=True, starting=False)
    await plan(cloud, _Tofu(cloud, OUTPUTS, EMPTY), monkeypatch, starting=True)
    assert "obtain amd64" not in cloud.log


async def test_the_state_is_read_again_only_after_kbootstrap_changed_it(
    cloud: _Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    tofu = _Tofu(cloud, OUTPUTS, change("replace", "replace_because_tainted"), EMPTY)
    await plan(cloud, tofu, monkeypatch)
    assert [what for what in cloud.log if what.partition(" ")[0] in {"state", "untaint", "plan"}] == [
        "state",
        "plan",
        f"untaint {NODE}",
        "state",
        "plan",
    ]


async def test_a_machine_of_an_unfinished_cluster_is_not_replaced(
    cloud: _Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenTofu was interrupted before it wrote the outputs: what is known of the node is only its machine."""
    tofu = _Tofu(cloud, {})
    tofu.unfinished = True
    with pytest.raises(WrongUsage, match="is not complete") as caught:
        await plan(cloud, tofu, monkeypatch, replace=["c-web-1"])
    assert "kbootstrap apply" in str(caught.value.hint)
    with pytest.raises(WrongUsage, match="there is no machine"):
        await plan(cloud, tofu, monkeypatch, replace=["c-web-2"])
