"""What is asked before plans are carried out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from kbootstrap.engine.changes import consent
from kbootstrap.engine.context import Context
from kbootstrap.engine.operator import Operator
from kbootstrap.engine.planning import with_pools
from kbootstrap.plans.build import entry
from kbootstrap.plans.model import PlanDocument
from tests.plans.test_build import found, machine


class Asked:
    """Notes the questions, each with the word that must be typed."""

    def __init__(self) -> None:
        self.questions: list[tuple[str, str | None]] = []

    async def ask(self, question: str, *, wanted: str | None = None) -> None:
        self.questions.append((question, wanted))


@pytest.mark.parametrize(
    ("node", "unprovisioned", "words"),
    [
        ("c-control-plane-1", frozenset(), ["c"]),
        ("c-control-plane-1", frozenset({"c-control-plane-1"}), [None]),
        ("c-web-1", frozenset(), [None]),
        (None, frozenset(), []),
    ],
)
async def test_losing_servers_needs_the_name(
    node: str | None, unprovisioned: frozenset[str], words: list[str | None]
) -> None:
    changes = [machine(node, "replace")] if node else []
    asked = Asked()
    shown = PlanDocument("x", (entry(found(*changes, unprovisioned=unprovisioned), str),))
    await consent(cast("Operator", asked), shown)
    assert [word for _, word in asked.questions] == words
    assert all("c" in question for question, _ in asked.questions)


def test_a_pool_means_all_its_nodes() -> None:
    nodes = [SimpleNamespace(name=f"c-web-{n}", pool="front") for n in (1, 2)]
    pools = [
        SimpleNamespace(name="front", autoscaling=None),
        SimpleNamespace(name="db", autoscaling=object()),
    ]
    context = SimpleNamespace(
        cluster=SimpleNamespace(name="c", pools=pools),
        nodes=[*nodes, SimpleNamespace(name="c-db-1", pool="db")],
    )
    chosen = cast("list[Context]", [context])
    assert with_pools(["c/front", "c-db-1", "c-web-2"], chosen) == ["c-web-1", "c-web-2", "c-db-1"]
    assert with_pools(["c/db"], chosen) == ["c/db", "c-db-1"], "its elastic nodes too"
    assert with_pools(["other/front"], chosen) == ["other/front"], "reported as an unknown node"
