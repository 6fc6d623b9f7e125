"""Every row of the matrix in all forms. `--update-golden` writes the texts, `record.py` the recordings."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from kbootstrap.core import resources
from kbootstrap.plans.model import PlanDocument
from kbootstrap.views.annotations import plan_annotations
from kbootstrap.views.links import Links
from kbootstrap.views.markdown import markdown
from kbootstrap.views.plan import show_plan
from kbootstrap.views.plan_data import plan_json
from tests.conftest import Golden
from tests.plans.changes import BASE, MATRIX
from tests.plans.cloud import CLOUD, cloud_document
from tests.plans.world import document
from tests.views.conftest import shown

GOLDEN = Path(__file__).parent / "golden"
LINKS = Links("https://git.example.org/shop/blob/main", Path.cwd())
SCHEMA = json.loads((resources.schemas() / "plan.json").read_text(encoding="utf-8"))
ROWS = [*MATRIX, *CLOUD]


def row(name: str) -> PlanDocument:
    return cloud_document(name) if name in CLOUD else document(name, MATRIX[name](BASE))


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str, golden: Golden) -> None:
    found = row(name)
    text = plan_json(found)
    data = json.loads(text)
    jsonschema.Draft7Validator(SCHEMA).validate(data)
    assert "\n" not in text, "it stands between events"
    golden.check(GOLDEN / f"{name}.txt", shown(lambda stream, env: show_plan(found, stream, env)))
    golden.check(GOLDEN / f"{name}.json", json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    golden.check(GOLDEN / f"{name}.md", markdown(found, LINKS))
    golden.check(GOLDEN / f"{name}.github", plan_annotations(found, LINKS))


def test_nothing_is_nothing() -> None:
    assert row("nothing").empty


@pytest.mark.parametrize("name", [name for name in ROWS if name not in {"nothing", "remove-cluster"}])
def test_every_other_row_is_something(name: str) -> None:
    assert not row(name).empty


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("remove-pool", set()),
        ("shrink-pool", set()),
        ("rename-pool", set()),
        ("rename-without-a-word", set()),
        ("new-version", set()),
        ("new-flavor", set()),
        ("new-image", set()),
        ("add-pool", set()),
        ("resize-pool", set()),
    ],
)
def test_what_is_refused(name: str, codes: set[str]) -> None:
    found = row(name)
    assert {problem.code for cluster in found.clusters for problem in cluster.diagnostics} == codes
    assert found.refused == bool(codes)


def test_only_what_is_concerned_changes() -> None:
    for name in ("add-pool", "resize-pool", "new-label", "new-taint"):
        live, test = row(name).clusters
        assert test.empty, name
        assert not live.machines("delete", "replace", "update"), name
    nodes = {node.node for node in row("new-label").clusters[0].nodes}
    assert nodes == {"live-web-1", "live-web-2"}


def test_dangers_are_shown_first() -> None:
    kinds = [change.kind for change in row("new-subnet").clusters[0].changes]
    assert kinds == sorted(kinds, key=["delete", "replace", "forget", "update", "create"].index)


def test_replacements_lead_to_their_line() -> None:
    replaced = [c for c in row("new-flavor").clusters[0].changes if c.machine]
    assert replaced
    lines = {str(change.place) for change in replaced}
    assert all(line.startswith("cloud.yaml:") for line in lines)


def test_a_removal_is_located_at_its_former_place() -> None:
    """A pool that is not there any more has no line: the list that it stood in has."""
    for name, line in {"remove-pool": 9, "shrink-pool": 11, "rename-without-a-word": 9}.items():
        gone = [change for change in row(name).clusters[0].changes if change.kind == "delete"]
        assert gone, name
        assert {str(change.place) for change in gone} == {f"shop.yaml:{line}"}, name


def test_the_order_of_new_machines_is_reported() -> None:
    (cloud,) = row("new-image").clusters
    assert cloud.order.replaced[0] == ("prod-control-plane-1",)
    assert {name for batch in cloud.order.replaced for name in batch} == {*cloud.machines("replace")}
    live = row("new-subnet").clusters[0]
    assert live.order.replaced == (("live-web-1",), ("live-web-2",), ("live-db-1",))
    assert row("remove-pool").clusters[0].order.removed == (("live-db-1",),)
