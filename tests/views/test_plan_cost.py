"""The bounds and costs of a plan: terminal, JSON, and the comment of a pull request."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema

from kbootstrap.core import resources
from kbootstrap.cost.estimate import estimate, sizes
from kbootstrap.cost.model import Extras
from kbootstrap.plans.build import ClusterFindings
from kbootstrap.plans.model import PlanDocument
from kbootstrap.spec.model import Spec
from kbootstrap.tofu.plan import PlanSummary
from kbootstrap.views.links import Links
from kbootstrap.views.markdown import markdown
from kbootstrap.views.plan import show_plan
from kbootstrap.views.plan_data import plan_json
from tests.cost.test_estimate import LADDER, spec

from .conftest import Show, shown
from .samples import document

NOW = {"control-plane": {"s": 1}, "web": {"s": 3}}
VOLUME = "volumes: [{name: data, size_gib: 50, type: fast, mount: /data}]"
POOLS = f"{LADDER}, {{name: db, flavor: m, nodes: 2, {VOLUME}}}, {{name: gpu, flavor: xl, nodes: 1}}"
BUDGET = "5000"


def plan(*specs: Spec) -> PlanDocument:
    findings = []
    for number, found in enumerate(specs):
        cluster = found.clusters[0]
        cost = None
        if found.prices:
            extras = Extras((("bastion", "s"),), floating_ips=2)
            cost = estimate(found, cluster, extras, found.prices, NOW)
        findings.append(
            ClusterFindings(
                cluster=f"c{number}",
                infrastructure=PlanSummary((), (), ("kbootstrap",)),
                sizes=sizes(cluster, NOW),
                cost=cost,
            )
        )
    return replace(document(*findings), prices=specs[0].prices, budget=specs[0].budget)


PRICED = plan(spec(POOLS, budget=BUDGET), spec("{name: web, flavor: m, nodes: 1}"))


def test_golden(in_all_widths: Callable[[str, Show], None]) -> None:
    in_all_widths("plan-cost", lambda stream, env: show_plan(PRICED, stream, env))


def test_without_prices_the_bounds_of_autoscaled_pools_are_shown() -> None:
    found = replace(spec(POOLS), prices=None)
    text = shown(lambda stream, env: show_plan(plan(found), stream, env))
    assert "Bounds of pools\n" in text
    assert "2 to 5" in text
    assert "COST" not in text
    assert "db" not in text


def test_without_both_nothing_is_shown() -> None:
    found = replace(spec("{name: web, flavor: m, nodes: 1}"), prices=None)
    text = shown(lambda stream, env: show_plan(plan(found), stream, env))
    assert "Bounds" not in text


def test_the_source_of_a_profile_is_named() -> None:
    found = spec("{name: web, flavor: b3-8, nodes: 1}", prices="ovh")
    text = shown(lambda stream, env: show_plan(plan(found), stream, env))
    assert "Cost per month in EUR, without taxes (prices profile ovh of 2026-" in text


def test_json() -> None:
    found = json.loads(plan_json(PRICED))
    jsonschema.validate(found, json.loads((resources.schemas() / "plan.json").read_text(encoding="utf-8")))
    first = found["clusters"][0]
    assert found["prices"]["currency"] == "EUR"
    assert found["budget"] == {"monthly": 5000.0, "currency": "EUR"}
    assert first["pools"][1] == {
        "pool": "web",
        "flavors": ["s", "l", "m"],
        "min": 2,
        "now": 3,
        "max": 5,
        "autoscaled": True,
    }
    web = next(row for row in first["cost"]["rows"] if row["name"] == "web")
    assert web["monthly"] == {"min": 146.0, "now": 219.0, "max": 1241.0}
    assert web["hourly"] == [0.1, 0.5]
    gpu = next(row for row in first["cost"]["rows"] if row["name"] == "gpu")
    assert (gpu["hourly"], gpu["monthly"]) == (None, None)
    assert first["cost"]["unpriced"] == ["flavor xl"]


def test_markdown() -> None:
    text = markdown(PRICED, Links(None, Path()))
    assert "<summary>Cost per month in EUR, without taxes (prices from the spec): " in text
    assert "| cluster | for | now | min to max | per hour |" in text
    assert "not in the sum, because the prices do not have it: flavor xl" in text
