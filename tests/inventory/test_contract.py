"""The outputs of all files of a root, joined."""

from __future__ import annotations

from kbootstrap.inventory.contract import joined

SHOP = {"spec": "shop", "cluster": "live"}


def test_the_machines_of_all_files_are_joined() -> None:
    outputs = {"kbootstrap": SHOP, "kbootstrap_control_plane": {"a": 1}, "kbootstrap_pool_web": {"b": 2}}
    assert joined(outputs) == {"kbootstrap": {**SHOP, "nodes": {"a": 1, "b": 2}}}


def test_a_state_of_an_earlier_version_has_them_in_one_output() -> None:
    outputs = {"kbootstrap": {**SHOP, "nodes": {"a": 1}}}
    assert joined(outputs) == outputs


def test_a_pool_whose_machines_failed_is_not_there_yet() -> None:
    assert joined({"kbootstrap": SHOP}) == {"kbootstrap": {**SHOP, "nodes": {}}}


def test_machines_of_no_cluster_have_no_owner() -> None:
    assert joined({"kbootstrap_control_plane": {"a": 1}}) == {}
    assert joined({}) == {}


def test_other_outputs_stay() -> None:
    assert joined({"x": "y"}) == {"x": "y"}
