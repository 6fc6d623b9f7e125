"""What is seen of nodes, and what is only looked at."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from kbootstrap.cluster.decide.removal import Removal
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.state.unit import UnitState
from kbootstrap.core.errors import HostUnreachable, KbootstrapError
from kbootstrap.core.events import nowhere
from kbootstrap.distros.model import Role
from kbootstrap.engine.api_route import route_to_api
from kbootstrap.engine.observe import NotRunning, _beginning, observe_nodes, silent
from kbootstrap.inventory.model import Endpoint, Inventory, Machine, SshTarget
from kbootstrap.tofu.plan import PlanSummary
from tests.cluster.world import desired_cluster, running


class _Provider:
    """Has machines that are shut off, and notes whether it was allowed to start them."""

    def __init__(self) -> None:
        self.started: list[bool] = []

    async def inventory(self, *_: object, starting: bool, tolerate_missing: frozenset[str]) -> Inventory:
        assert not tolerate_missing
        self.started.append(starting)
        endpoint = Endpoint("10.0.0.11", 6443)
        absent: dict[str, KbootstrapError] = {
            name: HostUnreachable(f"{name} is shut off", hint="apply starts it", host=name) for name in "ab"
        }
        return Inventory("c", {}, endpoint, endpoint, (), absent)


async def test_a_plan_starts_no_machine() -> None:
    provider = _Provider()
    context: Any = SimpleNamespace(
        provider=provider,
        cluster=SimpleNamespace(name="c"),
        provider_context=None,
        runtime=SimpleNamespace(emit=nowhere),
    )
    async with AsyncExitStack() as stack:
        with pytest.raises(NotRunning) as caught:
            await observe_nodes(context, {"kbootstrap": {}}, stack, starting=False)
    assert provider.started == [False]
    assert caught.value.hint == "apply starts it"
    assert caught.value.detail == "a: a is shut off\nb: b is shut off"


def _seen(endpoint: str, states: Sequence[str]) -> tuple[Any, Inventory, dict[str, NodeFacts]]:
    """Three servers, with their services in these states."""
    plan = desired_cluster(3, 0)
    names = [node.name for node in plan.servers]
    context = SimpleNamespace(
        nodes=plan.nodes,
        distribution=plan.distro,
        cluster=SimpleNamespace(api=SimpleNamespace(endpoint=endpoint)),
    )
    machines = {
        name: Machine(name, "10.0.0.1", SshTarget(name, name, 22, "k"), f"machine of {name}", ("key",))
        for name in names
    }
    external = Endpoint("203.0.113.7", 6443, "10.0.0.11")
    facts = {
        name: replace(running(plan, name), units={"k3s.service": UnitState("loaded", state)})
        for name, state in zip(names, states, strict=True)
    }
    return context, Inventory("local", machines, external, external, ()), facts


@pytest.mark.parametrize(
    ("endpoint", "active", "removal", "asked"),
    [
        ("floating_ip", "+++", (), None),
        ("load_balancer", "-++", (), None),
        ("floating_ip", "-++", (), 2),
        ("floating_ip", "+++", (1,), 2),
        ("floating_ip", "+-+", (1,), 3),
        ("floating_ip", "+++", (2,), None),
        ("floating_ip", "---", (), None),
    ],
)
def test_the_api_route_while_the_first_server_is_away(
    endpoint: str, active: str, removal: tuple[int, ...], asked: int | None
) -> None:
    context, inventory, facts = _seen(endpoint, ["active" if one == "+" else "failed" for one in active])
    leaving: dict[str, Role] = {f"local-control-plane-{n}": "server" for n in removal}
    where, through = route_to_api(context, inventory, facts, Removal({}, leaving))
    if asked is None:
        assert (where, through) == (inventory.external, None)
    else:
        assert where == Endpoint("127.0.0.1", 6443, "10.0.0.11")
        name = f"local-control-plane-{asked}"
        assert through == SshTarget(name, name, 22, "k", instance=f"machine of {name}", host_keys=("key",))


@pytest.mark.parametrize(
    ("states", "first_starting"),
    [
        (("activating", "failed", "failed"), 1),
        (("failed", "activating", "activating"), 2),
        (("activating", "active", "failed"), None),
        (("failed", "inactive", "failed"), None),
    ],
)
def test_the_api_is_waited_for_where_no_server_serves_and_one_starts(
    states: tuple[str, ...], first_starting: int | None
) -> None:
    context, _, facts = _seen("load_balancer", states)
    assert _beginning(context, facts) == (f"local-control-plane-{first_starting}" if first_starting else None)


@pytest.mark.parametrize(
    ("changes", "error", "stops"),
    [
        (False, HostUnreachable("x"), True),
        (False, NotRunning("x"), False),
        (True, HostUnreachable("x"), False),
    ],
)
def test_silence_that_nothing_ends(changes: bool, error: HostUnreachable, stops: bool) -> None:
    outputs = ("kbootstrap",) if changes else ()
    assert silent(PlanSummary((), (), outputs), error) == stops
