from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core import resources
from kbootstrap.plans.build import ClusterFindings
from kbootstrap.plans.words import totals
from kbootstrap.tofu.plan import PlanSummary
from kbootstrap.views.links import Links
from kbootstrap.views.markdown import markdown
from kbootstrap.views.plan import show_plan
from kbootstrap.views.plan_data import plan_json

from .conftest import Show, shown
from .samples import DIAGNOSTICS, PLANS, document

NOTHING = PlanSummary((), (), ())


def text(*plans: ClusterFindings, left: tuple[str, ...] = ()) -> str:
    return shown(lambda stream, env: show_plan(document(*plans, left=left), stream, env))


def test_golden(in_all_widths: Callable[[str, Show], None]) -> None:
    in_all_widths("plan", lambda stream, env: show_plan(document(*PLANS), stream, env))


def test_diffs() -> None:
    assert "│ -- old=1\n" in text(PLANS[1])
    assert "│ +- team=web\n" in text(PLANS[1])


def test_nothing_to_do() -> None:
    assert text(PLANS[2]) == "✓ tools  nothing to do\n\nNothing to do: the clusters match the spec\n"


def test_where_the_infrastructure_is() -> None:
    place = "cloud lab, region two"
    assert f"in {place}\n" in text(replace(PLANS[1], location=place))
    one = document(replace(PLANS[1], location=place))
    found = json.loads(plan_json(one))
    jsonschema.validate(found, json.loads((resources.schemas() / "plan.json").read_text(encoding="utf-8")))
    assert found["clusters"][0]["location"] == place
    assert place in markdown(one, Links(None, Path()))


def test_clusters_that_left_the_spec_are_named() -> None:
    assert "! old  no longer in the spec" in text(PLANS[2], left=("old",))


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (ClusterFindings(cluster="a", infrastructure=NOTHING, new=("a-1",)), "Plan: 1 node to install"),
        (
            ClusterFindings(cluster="a", infrastructure=PlanSummary((), (), ("kbootstrap",))),
            "Plan: outputs to update",
        ),
        (PLANS[1], "Plan: 4 steps on 2 nodes"),
    ],
)
def test_totals(plan: ClusterFindings, expected: str) -> None:
    assert totals(document(plan)) == expected
    assert not document(plan).empty


def test_refusals_are_shown() -> None:
    plan = ClusterFindings(
        cluster="a", infrastructure=NOTHING, steps=Plan("a", {}, diagnostics=DIAGNOSTICS[:1])
    )
    said = text(plan)
    assert "error[KB0203]" in said
    assert "Nothing to do" not in said
    assert said.endswith("Refused: fix these errors first\n")
    assert "error[KB0203]" in text(replace(plan, steps=None, refusals=DIAGNOSTICS[:1]))


def test_nodes_that_could_not_be_seen() -> None:
    outputs = PlanSummary((), (), ("kbootstrap",))
    plan = ClusterFindings(cluster="a", infrastructure=outputs, unseen="no connection to a-1")
    said = " ".join(text(plan).split())
    assert "Nodes: not reachable: no connection to a-1; inspected again after the infrastructure" in said
    assert said.endswith("Plan: nodes to be inspected again")
    resting = ClusterFindings(cluster="a", infrastructure=NOTHING, unseen="a-1 is stopped")
    assert "a-1 is stopped; inspected again by apply" in text(resting)
    assert not document(resting).empty
