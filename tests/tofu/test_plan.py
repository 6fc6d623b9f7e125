from __future__ import annotations

from typing import Any

import pytest

from kbootstrap.render.provenance import NOWHERE, Provenance
from kbootstrap.tofu.plan import PlanSummary, ResourceChange, summarise


def change(actions: list[str], **more: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    address = 'module.pool_web.terraform_data.node["dev-web-1"]'
    return {"address": address, "type": "terraform_data", "change": {"actions": actions, **more}}


def first(item: dict[str, Any]) -> ResourceChange:
    return summarise({"resource_changes": [item]}, "dev", NOWHERE).changes[0]


@pytest.mark.parametrize(
    ("actions", "kind"),
    [
        (["create"], "create"),
        (["update"], "update"),
        (["delete"], "delete"),
        (["delete", "create"], "replace"),
        (["create", "delete"], "replace"),
        (["forget"], "forget"),
        (["create", "forget"], "replace"),
    ],
)
def test_kinds(actions: list[str], kind: str) -> None:
    assert first(change(actions)).kind == kind


def test_what_changes_nothing_is_left_out() -> None:
    shown = {
        "resource_changes": [change(["no-op"]), change(["read"])],
        "output_changes": {"kbootstrap": {"actions": ["no-op"]}},
    }
    assert summarise(shown, "dev", NOWHERE).empty
    assert summarise({}, "dev", NOWHERE) == PlanSummary((), (), ())


@pytest.mark.parametrize(
    ("before", "after", "because"),
    [
        ({"t": {"a": 1, "b": 2}}, {"t": {"a": 1, "b": 3}}, ("t.b",)),
        ({"t": {"a": 1}}, {"t": {"a": 1, "c": None}}, ("t.c",)),
        ({"t": "x"}, {"t": "y"}, ("t",)),
        ({"t": "x"}, {}, ("t",)),
        ({}, None, ("t",)),
    ],
)
def test_a_replacement_names_the_attributes_that_force_it(
    before: object, after: object, because: tuple[str, ...]
) -> None:
    item = change(["delete", "create"], before=before, after=after, replace_paths=[["t"]])
    assert first(item).because == because


def test_a_path_into_a_list() -> None:
    item = change(
        ["delete", "create"], before={"n": [{"ip": "1"}]}, after={"n": []}, replace_paths=[["n", 0, "ip"]]
    )
    assert first(item).because == ("n.0.ip",)


def test_node_reason_spec_and_drift() -> None:
    item = {**change(["delete"]), "action_reason": "delete_because_each_key"}
    provenance = Provenance({"module.pool_web": ("clusters", "dev", "pools", 0)}, {}, None)
    other = {"address": "a.b", "type": "a", "change": {"actions": ["update"]}}
    filled_in = {"address": "a.group", "type": "a", "change": {"actions": ["update"]}}
    shown = {
        "resource_changes": [item, other],
        "resource_drift": [other, filled_in],
        "output_changes": {"b": {"actions": ["create"]}, "a": {"actions": ["update"]}},
    }
    summary = summarise(shown, "dev", provenance)
    assert [c.address for c in summary.drift] == ["a.b"]
    assert summary.outputs == ("a", "b")
    assert summary.counts == {"delete": 1, "update": 1}
    (deleted,) = summary.of("delete")
    assert (deleted.node, deleted.reason, deleted.spec) == (
        "dev-web-1",
        "delete_because_each_key",
        ("clusters", "dev", "pools", 0),
    )
    assert not summary.empty


def test_numbers_that_get_smaller() -> None:
    before = {"size": 3, "other": 1, "text": "b", "was": 1}
    item = change(["update"], before=before, after={"size": 2, "other": 2, "text": "a", "was": None})
    assert first(item).changed == ("other", "size", "text", "was")
    assert first(item).smaller == ("size",)
