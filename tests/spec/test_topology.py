from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from kbootstrap.spec import lock
from kbootstrap.spec.load import load
from kbootstrap.spec.lock import AddressBlock, Lock
from kbootstrap.spec.model import ApiSettings
from kbootstrap.spec.topology import endpoint_address, nodes
from tests.spec.samples import local
from tests.specs import SPECS


def test_names_and_addresses() -> None:
    spec = local("web=2 db=1")
    (cluster,) = spec.clusters
    found = nodes(cluster, lock.allocate(spec, Lock()))
    assert [(n.name, n.role, str(n.address)) for n in found] == [
        ("c-control-plane-1", "server", "10.90.0.11"),
        ("c-control-plane-2", "server", "10.90.0.12"),
        ("c-control-plane-3", "server", "10.90.0.13"),
        ("c-web-1", "agent", "10.90.4.11"),
        ("c-web-2", "agent", "10.90.4.12"),
        ("c-db-1", "agent", "10.90.4.27"),
    ]
    assert endpoint_address(cluster) == IPv4Address("10.90.0.10")


def test_the_registration_address_follows_the_endpoint() -> None:
    (cluster,) = local("web=1").clusters

    def address(endpoint: str | None) -> str:
        return str(endpoint_address(replace(cluster, api=ApiSettings(endpoint, ()))))

    assert address("load_balancer") == "10.90.0.10"
    assert address("floating_ip") == "10.90.0.11"  # the first server
    assert address("api.example.org") == "api.example.org"
    assert address(None) == "10.90.0.10"


def test_a_second_block_continues_the_ordinals() -> None:
    (cluster,) = local("web=3").clusters
    found = nodes(cluster, Lock({"c": {"web": (AddressBlock(11, 2), AddressBlock(40, 16))}}))
    assert [str(n.address) for n in found[3:]] == ["10.90.4.11", "10.90.4.12", "10.90.4.40"]


def test_hosts_that_exist() -> None:
    (cluster,) = load(SPECS / "metal.yaml").checked(SPECS / "metal.yaml").clusters
    found = nodes(cluster, Lock())
    assert [n.name for n in found] == ["cp-1", "cp-2", "cp-3", "w-1", "w-2"]
    assert (found[4].labels, found[4].pool, found[4].ordinal) == ({"disk": "nvme"}, "workers", 2)
    assert endpoint_address(cluster) == IPv4Address("10.0.0.10")


def test_a_lock_without_room_is_a_bug() -> None:
    (cluster,) = local("web=3").clusters
    with pytest.raises(ValueError, match="c-web-1"):
        nodes(cluster, Lock())
