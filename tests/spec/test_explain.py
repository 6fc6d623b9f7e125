from __future__ import annotations

import pytest

from kbootstrap.spec.explain import all_keys, explain_key, suggest


def test_a_key() -> None:
    found = explain_key("clusters.pools.autoscaling.max")
    assert found is not None
    assert (found.type, found.required, found.values) == ("whole number", True, ("1 to 5000",))
    assert found.description == "The pool never has more nodes. All flavors count together."


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("", ""),
        ("pools.nodes", "clusters.pools.nodes"),
        ("clusters.production.pools[0].nodes", "clusters.production.pools.nodes"),
        ("clusters.<name>.ssh", "clusters.<name>.ssh"),
        ("provider.local.api_port", "clusters.provider.local.api_port"),
        ("defaults.kubernetes.version", "defaults.kubernetes.version"),
        ("ssh.private_key.env", "clusters.ssh.private_key.env"),
    ],
)
def test_ways_to_write_a_key(key: str, path: str) -> None:
    found = explain_key(key)
    assert found is not None
    assert found.path == path


def test_maps_list_their_keys() -> None:
    found = explain_key("provider")
    assert found is not None
    assert [name for name, _, _ in found.keys] == ["local", "openstack", "ssh"]
    assert found.type == "map, each key a provider's name"


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("clusters.pools.nodez", "clusters.pools.nodes"),
        ("clusters.kubernets", "clusters.kubernetes"),
        ("autoscaling.maxx", "clusters.pools.autoscaling.max"),
        ("snapshots.schedul", "clusters.snapshots.schedule"),
        ("qqqqqq", None),
    ],
)
def test_suggestions(key: str, meant: str | None) -> None:
    assert explain_key(key) is None
    assert suggest(key) == meant


def test_every_key_is_described() -> None:
    keys = list(all_keys())
    assert len(keys) > 100
    for key in keys:
        found = explain_key(key)
        assert found is not None, key
        assert found.description.endswith("."), key
        assert (
            found.keys or found.default is not None or found.examples or found.values or "bool" in found.type
        ), key
