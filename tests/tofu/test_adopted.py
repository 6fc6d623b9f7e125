"""IDs in the text of a state. Real states of both tools: `tests/e2e/newcomer/test_lost_state.py`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kbootstrap.tofu.adopted import ids, with_ids

NODE = 'module.pool_web.terraform_data.node["c-web-1"]'
NETWORK = "module.network.terraform_data.network"


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


def test_ids_by_address() -> None:
    assert ids("") == {}
    assert ids(state())[NODE] == "drawn"
    assert ids(state())[NETWORK] == "net"
    assert len(ids(state())) == 3


def test_an_id_is_changed_wherever_it_stands() -> None:
    changed = with_ids(state(), {NODE: "carried", NETWORK: "net"})
    assert changed is not None
    assert "drawn" not in changed
    assert json.loads(changed)["serial"] == 8
    assert json.loads(changed) == {**json.loads(state("carried")), "serial": 8}


def test_a_state_that_is_right_is_left_alone() -> None:
    assert with_ids(state("carried"), {NODE: "carried", "module.other.terraform_data.node": "x"}) is None


def test_a_state_of_another_form_is_not_touched() -> None:
    with pytest.raises(ValueError, match="version 5"):
        with_ids(json.dumps({"version": 5}), {})
