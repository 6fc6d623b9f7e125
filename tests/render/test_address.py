from __future__ import annotations

import pytest

from kbootstrap.render.address import key, node, prefixes


def test_prefixes_go_from_the_longest_to_the_shortest() -> None:
    assert list(prefixes('module.pool_web.terraform_data.node["a.b-1"].x')) == [
        'module.pool_web.terraform_data.node["a.b-1"].x',
        'module.pool_web.terraform_data.node["a.b-1"]',
        "module.pool_web.terraform_data.node",
        "module.pool_web.terraform_data",
        "module.pool_web",
        "module",
    ]


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("terraform_data.a", None),
        ("terraform_data.a[0]", None),
        ('terraform_data.a["x"]', "x"),
        ('module.m["x"].terraform_data.a["y"]', "y"),
        ('module.m["x"].terraform_data.a', "x"),
        ('r.a["q\\"uo]te"]', 'q"uo]te'),
        ('r.a["$${b}"]', "${b}"),
        ('r.a["\\x"]', None),
        ('r.a["open', None),
        ("", None),
    ],
)
def test_key(address: str, found: str | None) -> None:
    assert key(address) == found


def test_what_belongs_to_a_node_is_keyed_by_it() -> None:
    assert node('m.volume["dev-web-1/data-1"]', "dev") == "dev-web-1"


@pytest.mark.parametrize(
    ("name", "is_node"),
    [
        ("local-default-1", True),
        ("local-control-plane-12", True),
        ("local-default-0", False),
        ("local-1", False),
        ("other-default-1", False),
        ("agents->control_plane-tcp-6443", False),
        ("local-default-1-data", False),
    ],
)
def test_a_key_with_the_form_of_a_name_is_a_node(name: str, is_node: bool) -> None:
    assert node(f'module.nodes.r.a["{name}"]', "local") == (name if is_node else None)
