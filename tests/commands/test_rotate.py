"""Plans of `rotate`: made only of a cluster that needs nothing else; new tokens are laid on every server."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from kbootstrap.cluster.converge.tokens import NEXT, StagedTokens
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.state.node_facts import TokenMarks
from kbootstrap.commands import rotate
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.events import nowhere
from kbootstrap.core.redact import Redactor
from kbootstrap.distros import find
from kbootstrap.engine.cluster_plan import ClusterPlan
from kbootstrap.engine.context import Context
from kbootstrap.engine.infrastructure import Infrastructure
from kbootstrap.engine.observe import Nodes
from kbootstrap.inventory.model import Inventory
from kbootstrap.tofu.plan import ResourceChange
from kbootstrap.tofu.state import State
from tests.cluster.decide.test_rotation import A1, BEFORE, LAID, S1, S2, facts_of
from tests.cluster.machines import RAW_AGENT, SERVER_TOKEN
from tests.cluster.world import EXTERNAL, INTERNAL, api, desired_cluster
from tests.hosts.fake import Answer, FakeHost, Run, output
from tests.plans.test_build import found, machine

K3S = find("k3s")


def context() -> Context:
    return cast(
        "Context",
        SimpleNamespace(
            cluster=SimpleNamespace(name="local"),
            spec=SimpleNamespace(path=Path("dev.yaml")),
            distribution=K3S,
            runtime=SimpleNamespace(redactor=Redactor(), emit=nowhere),
        ),
    )


def planned(marks: dict[str, TokenMarks], *changes: ResourceChange) -> ClusterPlan:
    """Two servers and an agent, of which `apply` would make what it makes of these facts."""
    wanted = desired_cluster(2, 1)
    seen = facts_of(wanted, marks)
    answers = {K3S.paths.server_token: SERVER_TOKEN, K3S.paths.agent_token: RAW_AGENT}

    def answer(call: Run) -> Answer:
        host = hosts[call.host]
        path = call.command.removeprefix("cat ")
        text = answers.get(path) or host.files.get(path, b"").decode()
        return output(text + "\n") if text else output(status=1)

    hosts = {node.name: FakeHost(node.name, answer) for node in wanted.nodes}
    nodes = Nodes(
        inventory=Inventory("local", {}, INTERNAL, EXTERNAL, ()),
        api_endpoint=EXTERNAL,
        hosts=hosts,
        unreachable={},
        facts=seen,
        kubeconfig="x",
        api=api(wanted, {"*": {}}),
        desired=wanted,
        plan=decide(wanted, seen, api(wanted, {"*": {}})),
    )
    summary = found(*changes).infrastructure
    tofu = cast("Infrastructure", None)
    return ClusterPlan(context(), tofu, State(), summary, {}, nodes, (), AsyncExitStack())


SETTLED = {S1: BEFORE, S2: BEFORE}


def test_nothing_else_may_be_left_to_do() -> None:
    for make in (rotate.tokens, lambda plan: rotate.certificates(plan, None)):
        with pytest.raises(PrerequisiteMissing) as caught:
            make(planned(SETTLED, machine("local-default-2", "create")))
        assert caught.value.code == "KB0888"
        assert "create" in str(caught.value.detail)
        away = planned({**SETTLED, A1: TokenMarks(own="older")})
        with pytest.raises(PrerequisiteMissing, match="does not match the spec"):
            make(away)


def test_an_interrupted_rotation_is_not_another_change() -> None:
    cut = planned({S1: LAID, S2: BEFORE})
    again = rotate.tokens(cut)
    assert again.nodes
    assert cut.nodes
    assert again.nodes.plan == cut.nodes.plan
    with pytest.raises(PrerequisiteMissing):
        rotate.certificates(cut, None)


def test_certificates_of_every_node() -> None:
    plan = rotate.certificates(planned(SETTLED), None)
    assert plan.nodes
    assert [*plan.nodes.plan.steps] == [S1, S2, A1]


async def test_new_tokens_are_on_every_server_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    laid: list[bytes] = []

    async def apply(plan: ClusterPlan) -> Nodes:
        assert plan.nodes
        laid.extend(cast("FakeHost", plan.nodes.hosts[name]).files[NEXT] for name in (S1, S2))
        assert NEXT not in cast("FakeHost", plan.nodes.hosts[A1]).files
        return plan.nodes

    monkeypatch.setattr(rotate, "apply_cluster", apply)
    plan = rotate.tokens(planned(SETTLED))
    await rotate.carry_out(plan)
    assert len(set(laid)) == 1
    tokens = StagedTokens.read(laid[0].decode(), Redactor())
    assert tokens
    assert (tokens.old_server, tokens.old_agent) == (SERVER_TOKEN, RAW_AGENT)
    await rotate.carry_out(plan)
    assert len(set(laid)) == 1, "what lies there already stays"


async def test_certificates_lay_no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    async def apply(plan: ClusterPlan) -> Nodes:
        assert plan.nodes
        return plan.nodes

    monkeypatch.setattr(rotate, "apply_cluster", apply)
    plan = rotate.certificates(planned(SETTLED), None)
    nodes = await rotate.carry_out(plan)
    assert all(NEXT not in cast("FakeHost", host).files for host in nodes.hosts.values())
