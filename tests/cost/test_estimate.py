"""What clusters cost: specs with their sums, and the reasons to refuse a budget."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from kbootstrap.core.errors import SpecInvalid
from kbootstrap.cost.estimate import estimate, sizes
from kbootstrap.cost.model import ClusterCost, CostRow, Extras, PoolSize, Sizes
from kbootstrap.engine.cost import budget_problems, present, refuse_over_budget
from kbootstrap.providers.elastic import ElasticMachine, MachinePhase
from kbootstrap.spec.load import load_text
from kbootstrap.spec.model import Spec

PRICES = "{currency: EUR, flavors: {s: 0.1, m: 0.2, l: 0.5}, volume_gib: 0.001, floating_ip: 0.01}"
MONTH = 730


def spec(
    pools: str = "",
    *,
    prices: str = PRICES,
    budget: str = "",
    cloud: str = "",
    api: str = "floating_ip",
) -> Spec:
    limit = f"budget: {{monthly: {budget}, currency: EUR}}\n" if budget else ""
    text = f"""apiVersion: kbootstrap/v1alpha1
name: dev
prices: {prices}
{limit}clusters:
  c:
    provider: {{openstack: {{external_network: x, image: {{name: Debian 12}}{cloud}}}}}
    kubernetes: {{version: v1.32.0+k3s1}}
    network: {{cidr: 10.1.0.0/16, control_plane: 10.1.0.0/24, agents: 10.1.4.0/24}}
    api: {{endpoint: {api}}}
    control_plane: {{nodes: 1, flavor: s}}
    pools: [{pools}]
"""
    return load_text(text, Path("spec.yaml")).checked(Path("spec.yaml"))


def cost(found: Spec, extras: Extras = Extras(), **now: int) -> ClusterCost:  # noqa: B008 - frozen
    assert found.prices is not None
    (cluster,) = found.clusters
    there = {pool.name: {pool.flavor or "": now[pool.name]} for pool in cluster.pools if pool.name in now}
    if "servers" in now:
        there["control-plane"] = {"s": now["servers"]}
    return estimate(found, cluster, extras, found.prices, there)


def per_month(*amounts: str) -> Sizes[Decimal]:
    low, now, high = (Decimal(amount) * MONTH for amount in amounts)
    return Sizes(low, now, high)


LADDER = "{name: web, flavor: s, autoscaling: {min: 2, max: 5, flavors: [s, l, m]}}"


def test_a_pool_costs_its_machines() -> None:
    found = cost(spec("{name: web, flavor: m, nodes: 3}"), servers=1, web=2)
    assert [row.monthly for row in found.rows] == [
        per_month("0.1", "0.1", "0.1"),
        per_month("0.6", "0.4", "0.6"),
    ]
    assert found.total == per_month("0.7", "0.5", "0.7")
    assert not found.unpriced


def test_at_max_machines_have_the_most_expensive_flavor() -> None:
    found = cost(spec(LADDER), servers=1, web=4)
    assert found.rows[1] == CostRow(
        "machines",
        "web",
        ("s", "l", "m"),
        (Decimal("0.1"), Decimal("0.5")),
        Sizes(2, 4, 5),
        per_month("0.2", "0.4", "1.7"),  # 2 of s, and 3 of l
    )


def test_present_machines_cost_their_own_flavor() -> None:
    found = spec(LADDER)
    assert found.prices is not None
    there = {"web": {"s": 2, "l": 1}}
    web = estimate(found, found.clusters[0], Extras(), found.prices, there).rows[1]
    assert web.monthly is not None
    assert web.monthly.now == Decimal("0.7") * MONTH


def test_a_pool_from_zero() -> None:
    found = cost(spec("{name: jobs, flavor: m, autoscaling: {min: 0, max: 2}}"))
    assert found.rows[1].monthly == per_month("0", "0", "0.4")


def test_volumes_floating_ips_and_the_bastion() -> None:
    pools = "{name: db, flavor: m, nodes: 2, volumes: [{name: data, size_gib: 50, mount: /data}]}"
    extras = Extras(machines=(("bastion", "s"),), boot=(20, None), floating_ips=2)
    found = cost(spec(pools), extras)
    rows = {(row.kind, row.name): row for row in found.rows}
    assert rows["machines", "bastion"].monthly == per_month("0.1", "0", "0.1")
    # 2 volumes of 50 GiB, and boot volumes of 20 GiB for 4 machines
    assert rows["volumes", ""].count == Sizes(180, 0, 180)
    assert rows["volumes", ""].monthly == per_month("0.18", "0", "0.18")
    assert rows["floating-ips", ""].monthly == per_month("0.02", "0", "0.02")
    there = cost(spec(pools), extras, servers=1, db=1)
    assert {row.kind: row.count.now for row in there.rows if row.kind != "machines"} == {
        "volumes": 110,
        "floating-ips": 2,
    }


def test_volume_types_have_their_own_price() -> None:
    pools = "{name: db, flavor: m, nodes: 1, volumes: [{name: a, size_gib: 10, type: fast, mount: /a}]}"
    prices = "{currency: EUR, flavors: {s: 0, m: 0}, volume_gib: 0.001, volume_types: {fast: 0.002}}"
    assert cost(spec(pools, prices=prices)).total == per_month("0.02", "0", "0.02")


def test_what_has_no_price_is_named_once_and_not_in_the_sum() -> None:
    pools = f"{LADDER}, {{name: old, flavor: xl, nodes: 1}}, {{name: older, flavor: xl, nodes: 1}}"
    found = cost(spec(pools, prices="{currency: EUR, flavors: {s: 0.1}}"), Extras((), (20, "fast"), 1, 1))
    assert [one.what for one in found.unpriced] == [
        "flavor l",
        "flavor m",
        "flavor xl",
        "volumes of type fast",
        "floating IPs",
        "load balancers",
    ]
    assert found.total == per_month("0.3", "0", "0.6")
    assert [row.monthly for row in found.rows if row.name in {"old", "older"}] == [None, None]


def test_sizes() -> None:
    (cluster,) = spec(f"{LADDER}, {{name: db, flavor: m, nodes: 3}}").clusters
    assert sizes(cluster, {"web": {"s": 2, "l": 1}}) == (
        PoolSize("control-plane", ("s",), 1, 0, 1, autoscaled=False),
        PoolSize("web", ("s", "l", "m"), 2, 3, 5, autoscaled=True),
        PoolSize("db", ("m",), 3, 0, 3, autoscaled=False),
    )


def test_present_machines_of_a_renamed_pool() -> None:
    (cluster,) = spec("{name: web, renamed_from: [www], flavor: m, nodes: 2}").clusters
    known = {"a": {"pool": "www"}, "b": {"pool": "web"}, "c": {"pool": "control-plane"}, "d": {"pool": "x"}}
    assert present(cluster, known) == {"control-plane": {"s": 1}, "web": {"m": 2}}
    elastic = [
        ElasticMachine("i", "x", pool, flavor, "10.0.0.9", MachinePhase.RUNNING, 0.0)
        for pool, flavor in ((cluster.pools[0].born, "m"), (cluster.pools[0].born, "l"), ("gone", "m"))
    ]
    assert present(cluster, known, elastic) == {"control-plane": {"s": 1}, "web": {"m": 3, "l": 1}}


@pytest.mark.parametrize(
    ("budget", "codes"),
    [("1000", []), ("1321.3", []), ("1321.29", ["KB0422"])],  # (0.1 + 0.2 + 1.5) * 730 + 0.01 * 730
)
def test_a_budget_holds_at_max(budget: str, codes: list[str]) -> None:
    found = budget_problems(spec(LADDER, budget=budget if float(budget) > 1200 else "1e6"))
    assert [problem.code for problem in found] == codes


def test_the_sum_is_in_the_reason() -> None:
    found = spec(LADDER, budget="900")
    (problem,) = budget_problems(found)
    assert problem.span is not None
    assert problem.span.line == 4
    assert problem.reason == (
        "At their largest size the clusters cost EUR 1,321.30 per month (c 1,321.30), and the budget is EUR "
        "900.00."
    )
    with pytest.raises(SpecInvalid, match="can exceed its budget"):
        refuse_over_budget(found)


def test_with_a_budget_everything_needs_a_price() -> None:
    pools = "{name: web, autoscaling: {min: 1, max: 2, flavors: [xs, s]}}"
    found = budget_problems(spec(pools, budget="900", api="load_balancer", cloud=", bastion: {flavor: tiny}"))
    assert [(p.code, p.span.line if p.span else 0, p.help) for p in found] == [
        ("KB0423", 12, "Add the price per hour: `prices: {flavors: {xs: …}}`."),
        ("KB0423", 7, "Add the price per hour: `prices: {flavors: {tiny: …}}`."),
        ("KB0423", 6, "Add the price per hour: `prices: {load_balancer: …}`."),
    ]


def test_without_a_budget_nothing_is_refused() -> None:
    refuse_over_budget(spec("{name: web, flavor: unknown, nodes: 1}"))


def test_clusters_without_costs_do_not_count() -> None:
    text = """apiVersion: kbootstrap/v1alpha1
name: dev
prices: ovh
budget: {monthly: 0, currency: EUR}
clusters:
  c:
    provider: {local: {}}
    kubernetes: {version: v1.32.0+k3s1}
    control_plane: {nodes: 1}
"""
    assert not budget_problems(load_text(text, Path("spec.yaml")).checked(Path("spec.yaml")))
