"""IDs in a state, and their change. Real states of both tools: `tests/e2e/newcomer/test_lost_state.py`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kbootstrap.tofu.adopted import with_ids
from kbootstrap.tofu.state import State, read

NODE = 'module.pool_web.terraform_data.node["c-web-1"]'
NETWORK = "module.network.terraform_data.network"
KEYS = NODE.replace(".node", ".authorized_keys")


def resource(module: str, name: str, found: str, index: str | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    one: dict[str, Any] = {"attributes": {"id": found, **more}}
    if index:
        one["index_key"] = index
    return {
        "module": module,
        "mode": "managed",
        "type": "terraform_data",
        "name": name,
        "instances": [one],
    }


def state(node: str = "drawn") -> str:
    tree = {
        "version": 4,
        "serial": 7,
        "lineage": "l",
        "outputs": {"kbootstrap": {"value": {"nodes": {"c-web-1": {"instance": node}}}}},
        "resources": [
            resource("module.network", "network", "net"),
            resource("module.pool_web", "node", node, "c-web-1", input={"value": {"name": "c-web-1"}}),
            resource("module.pool_web", "authorized_keys", "k", "c-web-1", triggers_replace={"node": node}),
            {"mode": "data", "type": "x", "name": "y", "instances": [{"attributes": {"id": "z"}}]},
        ],
    }
    return json.dumps(tree)


def test_what_a_state_says() -> None:
    found = read(state())
    assert found.by_address == {NODE: "drawn", NETWORK: "net", KEYS: "k"}
    assert found.ids == {"drawn", "net", "k", "z"}, "data sources are known too"
    assert found.identity == "l/7"
    assert found.outputs == {"kbootstrap": {"nodes": {"c-web-1": {"instance": "drawn"}}}}
    assert read(found.text) == found
    assert read("") == read("\n") == State()


def test_what_still_has_to_be_deleted_is_known_but_not_current() -> None:
    node = resource("module.pool_web", "node", "new", "c-web-1")
    node["instances"].append({"attributes": {"id": "old"}, "index_key": "c-web-1", "deposed": "d01"})
    found = read(json.dumps({"version": 4, "resources": [node]}))
    assert found.by_address == {NODE: "new"}
    assert found.ids == {"new", "old"}


def test_a_resource_without_an_id() -> None:
    found = read(json.dumps({"version": 4, "resources": [resource("", "x", "")], "outputs": None}))
    assert found.by_address == {"terraform_data.x": ""}
    assert found.ids == frozenset()


def test_secrets_in_a_state_are_not_shown() -> None:
    text = json.dumps({"version": 4, "outputs": {"s": {"value": "hunter2", "sensitive": True}}})
    assert "hunter2" not in repr(read(text))


def test_an_id_is_changed_wherever_it_stands() -> None:
    changed = with_ids(read(state()), {NODE: "carried", NETWORK: "net"})
    assert changed is not None
    assert "drawn" not in changed
    assert json.loads(changed)["serial"] == 8
    assert json.loads(changed) == {**json.loads(state("carried")), "serial": 8}


def test_a_state_that_is_right_is_left_alone() -> None:
    assert (
        with_ids(read(state("carried")), {NODE: "carried", "module.other.terraform_data.node": "x"}) is None
    )


@pytest.mark.parametrize("text", ['{"version": 5}', "[]", "Error: no such file"])
def test_a_state_of_another_form_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"state of version 4|Expecting value"):
        read(text)
