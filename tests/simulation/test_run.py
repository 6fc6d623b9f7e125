"""What the simulated autoscaler does, as small traces with their times."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbootstrap.simulation.model import Delays, Group, SimulatedPool
from kbootstrap.simulation.quantities import Size
from kbootstrap.simulation.run import simulate
from kbootstrap.simulation.summary import costs, pending_seconds, pools
from kbootstrap.simulation.trace import Change, Trace, Workload

from .samples import GIB, LARGE, SMALL, at, ladder, run


def test_it_grows_and_shrinks_within_its_bounds() -> None:
    found = run("0,a,1,1,1Gi 1h,a,30,1,1Gi 2h,a,0,1,1Gi 4h,a,0,1,1Gi", *ladder(1, 3))
    assert at(found, 0) == ((1, 0), 0)
    assert at(found, 3600) == ((3, 0), 28)  # 2 fit on the first node
    assert at(found, 3600 + 90) == ((3, 0), 24)
    assert at(found, 2 * 3600) == ((3, 0), 0)
    assert at(found, 2 * 3600 + 599)[0] == (3, 0)
    assert at(found, 2 * 3600 + 600)[0] == (1, 0)
    assert (found.created, found.removed) == (3, 2)
    (web,) = pools(found)
    assert (web.least, web.most, web.full) == (1, 3, 3600 - 90)


def test_pods_wait_for_boot_and_join() -> None:
    delays = Delays(boot=100, join=20)
    found = run("0,a,1,1,1Gi 1h,a,4,1,1Gi 2h,a,4,1,1Gi", *ladder(), delays=delays)
    assert at(found, 3600 + 119) == ((2, 0), 2)
    assert at(found, 3600 + 120) == ((2, 0), 0)
    assert (found.wait.pods, found.wait.longest, found.wait.seconds) == (2, 120, 240)
    assert pending_seconds(found) == 240


def test_the_next_scan_reacts_to_a_load_between_scans() -> None:
    found = run("0,a,1,1,1Gi 3607,a,4,1,1Gi 2h,a,4,1,1Gi", *ladder())
    assert at(found, 3609)[0] == (1, 0)
    assert at(found, 3610)[0] == (2, 0)


def test_a_pod_that_does_not_fit_gets_the_next_flavor() -> None:
    found = run("0,a,1,1,1Gi 1h,big,2,3,10Gi 2h,big,0,3,10Gi 4h,a,1,1,1Gi", *ladder())
    assert at(found, 3700) == ((1, 2), 0)
    assert at(found, 3 * 3600) == ((1, 0), 0)


def test_the_cheaper_flavor_for_the_requests_grows() -> None:
    load = "0,a,2,1,1Gi 1h,a,6,1,1Gi 2h,a,6,1,1Gi"
    assert at(run(load, *ladder(prices=("0.1", "0.15"))), 7000)[0] == (1, 1)
    assert at(run(load, *ladder(prices=("0.1", "0.25"))), 7000)[0] == (3, 0)


def test_without_prices_the_group_that_wastes_least_grows() -> None:
    found, groups = ladder()
    groups = [replace(group, price=None) for group in groups]
    grown = run("0,a,2,1,1Gi 1h,a,6,1,1Gi 1h,b,3,1,1Gi 2h,a,6,1,1Gi", found, groups)
    assert costs(grown) is None
    assert at(grown, 7000)[1] == 0
    one = run("0,a,2,1,1Gi 1h,a,4,1,1Gi 2h,a,4,1,1Gi", found, groups)
    assert at(one, 7000)[0] == (2, 0)  # a large node would be half empty


@pytest.mark.parametrize(
    ("prices", "grown"),
    [
        ((None, "0.2"), (2, 0)),  # 0.1 like the other one for its size; less of it is wasted by one pod
        (("0.1", None), (2, 0)),
        (("0.3", None), (2, 0)),
        ((None, "0.01"), (2, 0)),
        (("0.3", "0.2"), (1, 1)),
    ],
)
def test_a_flavor_without_a_price_counts_with_its_size(
    prices: tuple[str | None, str | None], grown: tuple[int, int]
) -> None:
    found, groups = ladder()
    priced = [
        replace(group, price=Decimal(price) if price else None)
        for group, price in zip(groups, prices, strict=True)
    ]
    assert at(run("0,a,2,1,1Gi 1h,a,3,1,1Gi 2h,a,3,1,1Gi", found, priced), 7000)[0] == grown


def test_the_pool_of_the_highest_priority_grows_first() -> None:
    groups = [Group(0, "small", SMALL, Decimal("0.1")), Group(1, "large", LARGE, Decimal(9))]
    two = [
        SimulatedPool("web", 0, 4, (0,), priority=1),
        SimulatedPool("jobs", 0, 1, (1,), priority=5),
    ]
    found = run("0,a,0,1,1Gi 10,a,6,1,1Gi 1h,a,6,1,1Gi", two, groups)
    assert at(found, 1800) == ((1, 1), 0)


def test_a_pool_with_taints_runs_only_pods_that_name_it() -> None:
    groups = [Group(0, "small", SMALL, None), Group(1, "small", SMALL, None)]
    two = [SimulatedPool("web", 0, 4, (0,)), SimulatedPool("jobs", 0, 4, (1,), reserved=True)]
    found = run("0,a,2,1,1Gi 0,j,2,1,1Gi,jobs 1h,a,2,1,1Gi", two, groups)
    assert at(found, 1800) == ((1, 1), 0)


def test_a_node_in_use_is_not_removed_and_a_node_that_is_not_is_drained() -> None:
    load = "0,a,2,1,1Gi 1h,a,8,1,1Gi 2h,a,7,1,1Gi 3h,a,5,500m,1Gi 4h,a,5,500m,1Gi"
    with pytest.raises(Exception, match="not a load trace"):
        run(load, *ladder())
    found = run("0,a,2,1,1Gi 1h,a,8,1,1Gi 2h,a,7,1,1Gi 6h,a,7,1,1Gi", *ladder())
    assert at(found, 6 * 3600)[0] == (4, 0)  # 7 pods need 4 nodes
    spread = run("0,a,1,500m,1Gi 1h,a,16,500m,1Gi 2h,a,5,500m,1Gi 4h,a,5,500m,1Gi", *ladder())
    assert at(spread, 7200)[0] == (4, 0)
    assert at(spread, 4 * 3600) == ((2, 0), 0)


def test_no_node_is_removed_shortly_after_one_was_added() -> None:
    load = "0,a,1,1,1Gi 1h,a,6,1,1Gi 70m,a,2,1,1Gi 79m,a,4,1,1Gi 4h,a,4,1,1Gi"
    found, groups = ladder()
    found = [replace(found[0], idle=60)]
    grown = run(load, found, groups)
    assert at(grown, 70 * 60 + 50)[0] == (3, 0)
    assert at(grown, 71 * 60)[0] == (1, 0)
    assert at(grown, 79 * 60 + 10)[0] == (2, 0)


def test_pods_that_fit_no_flavor_wait_and_are_named() -> None:
    found = run("0,huge,1,64,1Gi 1h,huge,1,64,1Gi", *ladder())
    assert found.too_large == ("huge",)
    assert at(found, 1800) == ((1, 0), 1)
    assert found.wait.longest == 3600


def test_a_pod_without_requests_fits_until_the_kubelets_limit() -> None:
    found = run("0,a,111,0,0 1h,a,111,0,0", *ladder())
    assert at(found, 1800) == ((2, 0), 0)


def test_pods_stop_while_they_wait_and_the_newest_stop_first() -> None:
    found = run("0,a,2,1,1Gi 1h,a,12,1,1Gi 3700,a,15,1,1Gi 3720,a,14,1,1Gi 2h,a,14,1,1Gi", *ladder(1, 1))
    assert at(found, 7000) == ((1, 0), 12)
    assert (found.wait.pods, found.wait.longest) == (13, 3600)
    assert found.wait.seconds == 10 * 3600 + 2 * 3500 + 20


def test_costs() -> None:
    found = run("0,a,2,1,1Gi 1h,a,6,1,1Gi 2h,a,2,1,1Gi 10h,a,2,1,1Gi", *ladder(1, 4))
    spent = costs(found)
    assert spent is not None
    extra = Decimal(2) * (3600 + 600)  # two nodes for an hour and ten minutes
    assert spent.simulated == Decimal("0.1") * (10 * 3600 + extra) / 3600
    assert (spent.at_min, spent.at_peak) == (Decimal("1.0"), Decimal("3.0"))
    assert spent.at_max == Decimal("1.0") + 3 * 10 * Decimal("0.3")  # the most expensive flavor above min
    assert spent.monthly(found.end).at_min == Decimal("73.0")


WORKLOADS = (
    Workload("a", Size(500, GIB)),
    Workload("b", Size(1500, 3 * GIB)),
    Workload("c", Size(3000, 2 * GIB), "web"),
    Workload("d", Size(100, 0), "jobs"),
    Workload("e", Size(64000, GIB)),
)
POOLS = st.builds(
    lambda low, more, idle, priority, reserved, web: (low, low + more, idle, priority, reserved, web),
    st.integers(0, 3),
    st.integers(0, 6),
    st.sampled_from([30, 300, 600]),
    st.integers(0, 2),
    st.booleans(),
    st.booleans(),
)
CHANGES = st.lists(
    st.tuples(st.integers(0, 7200), st.integers(0, len(WORKLOADS) - 1), st.integers(0, 40)), max_size=25
)
PRICES = st.sampled_from([None, Decimal("0.1"), Decimal("0.25"), Decimal(0)])


@settings(max_examples=150, deadline=None)
@given(POOLS, POOLS, CHANGES, st.tuples(PRICES, PRICES, PRICES), st.tuples(*[st.integers(0, 200)] * 2))
def test_bounds_nodes_and_pods(
    web: tuple[int, int, int, int, bool, bool],
    jobs: tuple[int, int, int, int, bool, bool],
    changes: list[tuple[int, int, int]],
    prices: tuple[Decimal | None, Decimal | None, Decimal | None],
    delays: tuple[int, int],
) -> None:
    """Never above max, never below min; no node and no pod is lost; costs are those of the nodes."""
    found = []
    for name, own, (low, high, idle, priority, reserved, _) in (
        ("web", (0, 1), web),
        ("jobs", (2,), jobs),
    ):
        found.append(SimulatedPool(name, low, max(high, 1), own, priority, idle, reserved))
    groups = [
        Group(0, "small", SMALL, prices[0]),
        Group(0, "large", LARGE, prices[1]),
        Group(1, "small", SMALL, prices[2]),
    ]
    latest = {(time, workload): Change(time, workload, pods) for time, workload, pods in sorted(changes)}
    load = Trace(WORKLOADS, tuple(latest.values()), 3 * 3600)
    done = simulate(found, groups, load, Delays(*delays))
    before: tuple[int, ...] = (found[0].min, 0, found[1].min)
    created = removed = 0
    for sample in done.samples:
        for pool in found:
            assert pool.min <= sum(sample.nodes[group] for group in pool.groups) <= pool.max
        for last, now in zip(before, sample.nodes, strict=True):
            created, removed = created + max(now - last, 0), removed + max(last - now, 0)
        before = sample.nodes
        assert sample.running + sample.pending == load.pods(sample.time)
        assert sample.ready <= sum(sample.nodes)
        assert min(sample.nodes) >= 0
    assert done.created - done.removed == sum(done.samples[-1].nodes)
    assert (created, removed) <= (done.created, done.removed)
    assert pending_seconds(done) == done.wait.seconds
    spent = costs(done)
    assert (spent is None) == (None in prices)
    if spent is not None and min(price for price in prices if price is not None) > 0:
        cheapest = done.groups[0].price == min(price for price in prices[:2] if price is not None)
        assert spent.simulated <= spent.at_peak <= spent.at_max
        assert not cheapest or spent.at_min <= spent.simulated


def test_a_long_trace_is_the_same_each_time() -> None:
    changes = tuple(Change(hour * 900, 0, 10 + hour % 40) for hour in range(4 * 24 * 30))
    load = Trace(WORKLOADS[:1], changes, 30 * 24 * 3600)
    found, groups = ladder(2, 20)
    first, second = (simulate(found, groups, load, Delays()) for _ in range(2))
    assert first == second
    assert len(first.samples) < 20 * len(changes)
