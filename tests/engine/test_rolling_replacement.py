"""Nodes that go together: what happens to the others when one of them cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.decide.removal import Removal
from kbootstrap.cluster.state.pods import Owner, Pod
from kbootstrap.core.errors import DeadlinePassed, InstallFailed
from kbootstrap.core.events import Event, Status
from kbootstrap.distros.model import Role
from kbootstrap.engine.rolling_replacement import RollingReplacement
from kbootstrap.hosts.model import Host
from kbootstrap.providers import find
from kbootstrap.tofu.plan import Kind, PlanSummary, ResourceChange
from kbootstrap.tofu.state import State
from tests.cluster.machines import KUBECONFIG, FakeApi, Machines
from tests.cluster.world import EXTERNAL, api, desired_cluster, facts

S1 = "local-control-plane-1"
A1, A2, A3 = (f"local-default-{i}" for i in (1, 2, 3))
NOTHING = PlanSummary((), (), ())


class _Tofu:
    planfile = Path("plan")

    async def plan(self, *_: object, **__: object) -> PlanSummary:
        return NOTHING


class _Provider:
    traits = find("local").traits
    in_place_freeze = None

    async def remove_orphans(self, *_: object, **__: object) -> None:
        """Nothing is left of machines, and nothing was created that no state knows."""


def pod(name: str, node: str, owner: Owner | None = None) -> Pod:
    return Pod("web", name, node, owner, mirror=False, finished=False, ready=True, terminating=False)


def rolling_replacement(
    machines: Machines, removal: Removal, events: list[Event], seconds: float = 0.05
) -> RollingReplacement:
    plan = machines.plan
    seen = api(plan, {"*": {}, S1: {"etcd": True}})
    assert seen is not None
    machines.nodes = {**seen.nodes, **machines.nodes}
    there = facts(plan, {"*": {"is": "running"}})
    nodes = SimpleNamespace(
        plan=decide(plan, there, type(seen)(machines.nodes), removal=removal, partial=True),
        removal=removal,
        facts=there,
        hosts=dict[str, Host](machines.hosts),
        kubeconfig=KUBECONFIG.rstrip("\n"),
        api_endpoint=EXTERNAL,
        inventory=SimpleNamespace(external=EXTERNAL, jump=None),
        desired=plan,
    )
    context = SimpleNamespace(
        cluster=SimpleNamespace(name="local", api=SimpleNamespace(endpoint="load_balancer")),
        runtime=SimpleNamespace(emit=events.append),
        distribution=plan.distro,
        lease=SimpleNamespace(leave=lambda _: None, verify=lambda: None),
        provider=_Provider(),
        spec=None,
        lock=None,
        provider_context=None,
    )
    whole: Any = (context, _Tofu(), NOTHING, nodes, AsyncExitStack(), seconds)
    made = RollingReplacement(*whole)
    made._api = FakeApi(machines)
    return made


@pytest.fixture
def machines() -> Machines:
    return Machines(desired_cluster(1, 3))


def cordoned(machines: Machines) -> set[str]:
    return {name for name, node in machines.nodes.items() if node.unschedulable or node.leaving}


async def test_the_others_are_uncordoned_when_one_cannot_be_drained(machines: Machines) -> None:
    """A pod without an owner holds one of the agents; the other had been cordoned to leave with it."""
    machines.pods = [pod("alone", A1), pod("slow", A2, Owner("Deployment", "web", "shop"))]
    machines.blocked["slow"] = "a budget"
    events: list[Event] = []
    with pytest.raises(InstallFailed, match="alone"):
        await rolling_replacement(machines, Removal({A1: "agent", A2: "agent"}, {}), events, 60).carry_out()
    assert cordoned(machines) == set()
    assert {A1, A2} <= set(machines.nodes)
    uncordoned = {e.node for e in events if e.step == "uncordon the node" and e.status is Status.DONE}
    assert uncordoned == {A1, A2}


async def test_a_node_that_another_client_cordoned_stays_cordoned(machines: Machines) -> None:
    theirs = api(machines.plan, {A2: {"unschedulable": True}})
    assert theirs
    machines.nodes = dict(theirs.nodes)
    machines.pods = [pod("alone", A1), pod("slow", A2, Owner("Deployment", "web", "shop"))]
    machines.blocked["slow"] = "a budget"
    with pytest.raises(InstallFailed, match="alone"):
        await rolling_replacement(machines, Removal({A1: "agent", A2: "agent"}, {}), [], 60).carry_out()
    assert cordoned(machines) == {A2}
    assert not machines.nodes[A2].leaving


async def test_a_node_that_has_begun_to_leave_is_not_uncordoned(machines: Machines) -> None:
    """Agents go four at a time: the fifth is the one that cannot, and the four have left by then."""
    machines = Machines(desired_cluster(1, 6))
    names = [f"local-default-{i}" for i in range(1, 7)]
    machines.pods = [pod("slow", names[4], Owner("Deployment", "web", "shop"))]
    machines.blocked["slow"] = "a budget"
    with pytest.raises(DeadlinePassed):
        await rolling_replacement(machines, Removal(dict.fromkeys(names, "agent"), {}), []).carry_out()
    assert set(machines.nodes) >= {S1, names[4]}
    assert not set(names[:4]) & set(machines.nodes)
    assert cordoned(machines) == set()


async def test_a_silent_api_does_not_hide_why(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    from kbootstrap.cluster.api import observe as module

    monkeypatch.setattr(module, "API", 0.02)
    monkeypatch.setattr(module, "POLL", 0.005)
    made = rolling_replacement(machines, Removal({A1: "agent", A2: "agent"}, {}), [])
    machines.pods = [pod("alone", A1)]
    wrapped = FakeApi(machines)

    async def pods(node: str | None = None) -> tuple[Pod, ...]:
        found = await FakeApi.pods(wrapped, node)
        machines.silent = True
        return found

    wrapped.pods = pods  # type: ignore[method-assign]
    made._api = wrapped
    with pytest.raises(InstallFailed, match="alone"):
        await made.carry_out()


def machine(name: str, kind: Kind) -> ResourceChange:
    address = f'module.pool_default.terraform_data.node["{name}"]'
    return ResourceChange(address, "vm", kind, (), name, (), None, None, role="machine")


class _Pool:
    """OpenTofu for a pool that gets another flavor: without help all nodes are changed at once."""

    planfile = Path("plan")

    def __init__(self, frozen: str) -> None:
        self.frozen, self.applied = frozen, list[str]()
        self.made = NOTHING

    async def plan(
        self, _: Path, *, replace: Sequence[str] = (), targets: Sequence[str] = (), frozen: str = ""
    ) -> PlanSummary:
        del targets
        assert frozen in ("", self.frozen)
        new = [name for name in (A1, A2) if f'"{name}"' in " ".join(replace)]
        others = [] if frozen else [name for name in (A1, A2) if name not in new]
        found = [machine(name, "replace") for name in new] + [machine(name, "update") for name in others]
        self.made = PlanSummary(tuple(found), (), ())
        return self.made

    async def state(self) -> State:
        return State()

    async def show_plan(self, _: Path) -> dict[str, Any]:
        change = {"before": {"flavor_name": "small"}}
        return {"resource_changes": [{"address": c.address, "change": change} for c in self.made.changes]}

    async def apply(self, _: Path, _on_created: object) -> None:
        self.applied += [c.node or "" for c in self.made.changes]


@pytest.mark.parametrize("frozen", ["module {}", ""])
async def test_waiting_machines_are_frozen(
    machines: Machines, frozen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = rolling_replacement(machines, Removal({}, {A1: "agent", A2: "agent"}), [])
    made.planned = PlanSummary((machine(A1, "replace"), machine(A2, "replace")), (), ())
    pool = _Pool(frozen)
    made.tofu = pool  # type: ignore[assignment]
    asked = list[Mapping[str, Any]]()

    def freeze(_definition: object, found: Mapping[str, Any]) -> str:
        asked.append(found)
        return frozen

    monkeypatch.setattr(made.context.provider, "in_place_freeze", SimpleNamespace(freeze=freeze))
    if frozen:
        await made._remake([A1])
        assert pool.applied == [A1]
    else:
        with pytest.raises(InstallFailed) as caught:
            await made._remake([A1])
        assert caught.value.code == "KB0859"
        assert pool.applied == []
    assert asked == [{A2: {"flavor_name": "small"}}]


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 5)), min_size=1, max_size=4), st.integers(1, 3))
def test_never_more_of_a_pool_than_may_be_away(pools: list[tuple[int, int]], servers: int) -> None:
    """Each pool is its size and how many of it may be away at once."""
    base = desired_cluster(servers, 1)
    model = base.nodes[-1]
    agents = [
        replace(model, name=f"p{i}-{n}", pool=f"p{i}", at_once=at_once)
        for i, (size, at_once) in enumerate(pools)
        for n in range(size)
    ]
    nodes = (*base.servers, *agents)
    all_nodes: dict[str, Role] = {node.name: node.role for node in nodes}
    made = rolling_replacement(Machines(replace(base, nodes=nodes)), Removal({}, all_nodes), [])
    batches = made._order().replaced
    assert [name for batch in batches for name in batch] == [node.name for node in nodes]
    by_name = {node.name: node for node in nodes}
    for batch in batches:
        (pool,) = {by_name[name].pool for name in batch}
        assert len(batch) <= (1 if pool == "control-plane" else by_name[batch[0]].at_once)
    alone = sum(-(-size // at_once) for size, at_once in pools)
    assert len(batches) == servers + alone, "and as few turns as that allows"
