"""Groups of a spec, and the template nodes and prices that come from them."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from kbootstrap.autoscaler import costs
from kbootstrap.autoscaler.definition import read
from kbootstrap.autoscaler.groups import is_elastic, names
from kbootstrap.autoscaler.quantities import quantity
from kbootstrap.autoscaler.refusal import Refusal
from kbootstrap.autoscaler.template import resources, template
from kbootstrap.autoscaler.wire.messages import kubernetes, message
from kbootstrap.core.errors import SpecInvalid, WrongUsage
from kbootstrap.providers.elastic import Shape
from kbootstrap.spec.lock import dump, lock_path
from kbootstrap.spec.model import Taint
from kbootstrap.spec.topology import nodes
from tests.autoscaler.fakes import SHAPES
from tests.autoscaler.samples import SPEC, large, small, state, write_spec

HOUR = 3600.0


def test_a_group_for_each_flavor_of_each_autoscaled_pool(tmp_path: Path) -> None:
    own, other, jobs = read(write_spec(tmp_path), "prod").groups
    assert (own.id, own.pool, own.flavor, own.minimum, own.maximum) == ("web/small", "web", "small", 1, 5)
    assert (other.id, other.minimum, other.maximum, other.static) == ("web/large", 0, 5, frozenset())
    assert (jobs.id, jobs.minimum, jobs.static) == ("jobs/small", 0, frozenset())
    assert own.static == {"prod-web-1"}
    assert (own.labels, own.taints) == ({"tier": "web"}, (Taint("dedicated", "web", "NoSchedule"),))
    assert (own.price, other.price) == (0.05, 0.2)


def test_addresses_are_never_those_of_static_nodes(tmp_path: Path) -> None:
    """Also after a larger minimum: elastic machines with the addresses of a moment ago may still be there."""
    found = read(write_spec(tmp_path), "prod")
    own, other, jobs = found.groups
    assert own.addresses == other.addresses == tuple(f"10.0.4.{host}" for host in range(59, 75))
    assert len(jobs.addresses) == 200
    assert not {*own.addresses} & {*jobs.addresses}
    lock_path(tmp_path / "spec.yaml").write_text(dump(found.lock), encoding="utf-8")
    grown = read(write_spec(tmp_path, SPEC.replace("{min: 1, max: 5,", "{min: 40, max: 50,")), "prod")
    assert grown.groups[0].addresses == own.addresses
    static = {str(node.address) for node in nodes(grown.cluster, grown.lock)}
    assert len(static) == 42
    assert not static & {address for group in grown.groups for address in group.addresses}


def test_a_renamed_pool_keeps_its_groups(tmp_path: Path) -> None:
    text = SPEC.replace("- name: web", "- name: front\n        renamed_from: [web]")
    own, *_ = read(write_spec(tmp_path, text), "prod").groups
    assert (own.id, own.prefix, own.static) == ("web/small", "prod-web-", frozenset({"prod-web-1"}))


def test_definitions_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="has no cluster 'other'"):
        read(write_spec(tmp_path), "other")
    with pytest.raises(SpecInvalid):
        read(write_spec(tmp_path, "name: x"), "prod")
    with pytest.raises(WrongUsage):
        read(tmp_path / "missing.yaml", "prod")


def test_names_are_new_and_no_static_ones() -> None:
    found = list(islice(names("prod-web-"), 500))
    assert len(set(found)) > 490
    assert all(is_elastic(small(), name) for name in found)
    assert not any(is_elastic(small(), name) for name in ("prod-web-1", "prod-web-12345", "prod-web-bcdfg-1"))


def test_the_template_is_a_node_of_the_pool() -> None:
    group = small(labels={"tier": "web"}, taints=(Taint("dedicated", "web", "NoSchedule"),))
    shape = Shape(4, 16384, 50, "arm64", {"topology.kubernetes.io/zone": "z1"})
    node = template(group, shape, kubernetes)
    assert dict(node.metadata.labels) == {
        "kubernetes.io/hostname": "prod-web-new",
        "kubernetes.io/os": "linux",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "arm64",
        "beta.kubernetes.io/arch": "arm64",
        "topology.kubernetes.io/zone": "z1",
        "tier": "web",
    }
    assert node.status.capacity["pods"].string == "110"
    assert node.status.nodeInfo.architecture == "arm64"
    assert kubernetes("Node").FromString(node.SerializeToString()) == node


def test_a_template_is_never_larger_than_the_machine() -> None:
    """Else pods would cause nodes that they do not fit on."""
    capacity, allocatable = resources(Shape(2, 4096, 20))
    assert 0.9 * 4 * 2**30 < quantity(capacity["memory"]) < 0.96 * 4 * 2**30
    assert quantity(allocatable["memory"]) == quantity(capacity["memory"]) - 100 * 2**20
    assert quantity(allocatable["ephemeral-storage"]) < quantity(capacity["ephemeral-storage"]) < 20 * 2**30
    assert allocatable["cpu"] == "2"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2", 2),
        ("500m", 0.5),
        ("1Gi", 2**30),
        ("1.5G", 1.5e9),
        ("128974848", 128974848),
        ("1e3", 1000),
        (".5", 0.5),
    ],
)
def test_quantities(text: str, number: float) -> None:
    assert quantity(text) == pytest.approx(number)


@pytest.mark.parametrize("text", ["", "x", "1 Gi", "1gi", "--1", "1e"])
def test_no_quantities(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        quantity(text)


def pod(*containers: dict[str, str], init: tuple[dict[str, str], ...] = ()) -> object:
    found = kubernetes("Pod")()
    for place, requests in ((found.spec.containers, containers), (found.spec.initContainers, init)):
        for one in requests:
            added = place.add()
            for key, value in one.items():
                added.resources.requests[key].string = value
    return found


def test_a_pod_costs_its_share_of_the_cheapest_machine() -> None:
    found = state(groups=(small(price=0.05), replace(large(), price=0.1)))
    shapes = {name: SHAPES[name] for name in ("small", "large")}
    # Half a small machine is 0.025; of a large one an eighth, 0.0125.
    assert costs.pod_price(found, shapes, pod({"cpu": "1"}), HOUR) == pytest.approx(0.0125)
    memory = pod({"cpu": "1", "memory": "8Gi"})
    assert costs.pod_price(found, shapes, memory, HOUR) == pytest.approx(0.05)
    assert costs.pod_price(found, shapes, pod(), HOUR) == 0


def test_init_containers_run_before_the_others() -> None:
    one = pod({"cpu": "1"}, {"cpu": "500m"}, init=({"cpu": "2", "memory": "1Gi"}, {"cpu": "1"}))
    assert costs.requests(one) == (2, 2**30)


@pytest.mark.parametrize(
    ("known", "prices"),
    [
        ((None, None), (3.0, 12.0)),  # processors, and 4 GiB of memory like one
        ((0.05, None), (0.05, 0.2)),
        ((None, 0.4), (0.1, 0.4)),
        ((0.05, 0.4), (0.05, 0.4)),
        ((0.0, None), (0.0, 12.0)),
    ],
)
def test_a_flavor_without_a_price_counts_with_its_size(
    known: tuple[float | None, float | None], prices: tuple[float, float]
) -> None:
    """Without a price the expander `price` would ignore the group: its pods would wait for ever."""
    found = state(groups=(small(price=known[0]), replace(large(), price=known[1])))
    assert costs.prices(found, SHAPES) == pytest.approx({"web/small": prices[0], "web/large": prices[1]})
    node = message("ExternalGrpcNode")(name="prod-web-1")
    assert costs.node_price(found, SHAPES, node, 2 * HOUR) == pytest.approx(2 * prices[0])


def test_a_node_whose_flavor_is_not_known_has_no_price() -> None:
    node = message("ExternalGrpcNode")(name="prod-web-1")
    with pytest.raises(Refusal) as raised:
        costs.node_price(state(), {}, node, HOUR)
    assert raised.value.status == "NOT_FOUND"
    assert costs.pod_price(state(), {}, pod(), HOUR) == 0
