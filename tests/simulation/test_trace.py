"""Load traces: what is read, and every problem at its line."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kbootstrap.core.errors import SpecInvalid
from kbootstrap.simulation import build, quantities
from kbootstrap.simulation.quantities import Size
from kbootstrap.simulation.trace import MOST_LINES, LoadChange, SimulatedWorkload, Trace, read
from tests.cost.test_estimate import spec

from .samples import GIB, HEAD, trace


def test_a_trace() -> None:
    found = trace("0h,a,2,500m,1Gi 90s,b,1,2,512Mi,jobs 1h30m,a,4,500m,1Gi 7200,b,0,2,512Mi,jobs")
    assert found == Trace(
        (SimulatedWorkload("a", Size(500, GIB)), SimulatedWorkload("b", Size(2000, GIB // 2), "jobs")),
        (LoadChange(0, 0, 2), LoadChange(90, 1, 1), LoadChange(5400, 0, 4), LoadChange(7200, 1, 0)),
        7200,
    )
    assert [found.pods(time) for time in (0, 90, 5400, 7200)] == [2, 3, 5, 4]


def test_comments_blank_lines_and_another_order_of_columns() -> None:
    text = "# load\n\npods,time,memory,workload,cpu\n 3 , 0 , 1Gi , a , 1 \n  # later\n3,60,1Gi,a,1\n"
    assert read(text, "x.csv", frozenset()).changes == (LoadChange(0, 0, 3), LoadChange(60, 0, 3))


def test_dates_count_from_the_first() -> None:
    rows = "2026-11-02T08:00:00Z,a,1,1,1Gi 2026-11-02T10:00:00+01:00,a,2,1,1Gi 2026-11-02T12:00:00,a,2,1,1Gi"
    assert [change.time for change in trace(rows).changes] == [0, 3600, 4 * 3600]


def test_the_last_of_two_rows_of_a_time_applies() -> None:
    assert trace("0,a,1,1,1Gi 0,a,5,1,1Gi 10,a,1,1,1Gi").pods(0) == 5


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("", (1, 1), "has no rows"),
        ("# nothing\n", (1, 1), "has no rows"),
        ("time,pods\n0,1\n", (1, 1), "has no workload, cpu, memory"),
        (HEAD.replace("cpu", "cpus") + "0,a,1,1,1Gi\n", (1, 20), "no column `cpus`"),
        (HEAD + "soon,a,1,1,1Gi\n", (2, 1), "`soon` is not a time"),
        (HEAD + "0,a,-1,1,1Gi\n", (2, 5), "`-1` is not a number of pods"),
        (HEAD + "0,a,1,fast,1Gi\n", (2, 7), "`fast` is not a request of cpu"),
        (HEAD + "0,a,1,1,1Gb\n", (2, 9), "`1Gb` is not a request of memory"),
        (HEAD + "0,,1,1,1Gi\n", (2, 1), "has no name"),
        (HEAD + "0,a,1\n", (2, 1), "has no cpu, memory"),
        (HEAD + "0,a,1,1,\n", (2, 1), "is not a request of memory"),
        (HEAD + '0,"a,1,1,1Gi\n', (2, 3), "quotation mark is not closed"),
        (HEAD + "0,a,1,1,1Gi,wbe\n", (2, 13), "no pool `wbe`"),
        (HEAD + "0,a,1,1,1Gi,web,x\n", (2, 1), "more cells"),
        (HEAD + "60,a,1,1,1Gi\n0,a,1,1,1Gi\n", (3, 1), "before that of the row above"),
        (HEAD + "0,a,1,1,1Gi\n60,a,1,2,1Gi\n", (3, 4), "has other requests"),
        (HEAD + "0,a,1,1,1Gi\n", (2, 1), "one time only"),
        (HEAD + "0,a,20000,1,1Gi\n60,b,1,1,1Gi\n", (3, 1), "more than 20,000 pods"),
        (HEAD + "0,a,1,1,1Gi\n500000h,a,1,1,1Gi\n", (3, 1), "is not a time"),
        (HEAD + "0,a,1,1,1Gi\n9999h,a,1,1,1Gi\n", (3, 1), "too long"),
    ],
)
def test_problems(text: str, place: tuple[int, int], reason: str) -> None:
    with pytest.raises(SpecInvalid) as caught:
        read(text, "load.csv", frozenset({"web"}))
    problem = caught.value.diagnostics[0]
    assert problem.code == "KB0430"
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == place
    assert reason in problem.reason
    assert problem.help


def test_a_trace_with_too_many_lines() -> None:
    rows = "".join(f"{number},a,1,1,1Gi\n" for number in range(MOST_LINES))
    with pytest.raises(SpecInvalid) as caught:
        read(HEAD + rows, "load.csv", frozenset())
    (problem,) = caught.value.diagnostics
    assert "more than 50,000 lines" in problem.reason
    assert problem.span is not None
    assert problem.span.line == MOST_LINES + 1


def test_a_cell_in_quotation_marks() -> None:
    assert trace('0,"a,b",1,1,1Gi 60,a,1,1,1Gi').workloads[0].name == "a,b"


def test_all_problems_at_once() -> None:
    with pytest.raises(SpecInvalid) as caught:
        trace("x,a,1,1,1Gi 0,a,x,1,1Gi 0,a,1,x,1Gi")
    assert len(caught.value.diagnostics) == 3


@pytest.mark.parametrize(
    ("text", "cpu", "memory"),
    [
        ("2", 2000, 2),
        ("0.5", 500, 1),
        ("250m", 250, None),
        ("1.5Gi", None, 3 * GIB // 2),
        ("1G", None, 10**9),
        ("0", 0, 0),
        ("1e3", None, None),
        ("-1", None, None),
        ("", None, None),
    ],
)
def test_quantities(text: str, cpu: int | None, memory: int | None) -> None:
    assert (quantities.cpu(text), quantities.memory(text)) == (cpu, memory)


@pytest.mark.parametrize(
    ("flavor", "size"),
    [
        ("b3-16", Size(4000, 16 * GIB)),
        ("a4-ram16-disk50-perf1", Size(4000, 16 * GIB)),
        ("a1-ram2", Size(1000, 2 * GIB)),
        ("m1.large", None),
    ],
)
def test_sizes_of_flavors(flavor: str, size: Size | None) -> None:
    assert quantities.of_flavor(flavor) == size


def test_every_priced_flavor_has_a_size() -> None:
    from kbootstrap.spec import prices

    unknown = [
        f for name in prices.profiles() for f in prices.profile(name).flavors if not quantities.of_flavor(f)
    ]
    assert not unknown


def test_pools_of_a_spec() -> None:
    found = spec(
        "{name: web, autoscaling: {min: 1, max: 4, flavors: [s, b3-8], scale_down_after: 5m, priority: 3}}, "
        "{name: db, flavor: m, nodes: 2, taints: ['a=b:NoSchedule', 'c:PreferNoSchedule']}, "
        "{name: none, flavor: m, nodes: 0}"
    )
    sizes = {"s": Size(1000, GIB), "m": Size(2000, 2 * GIB)}
    pools, groups = build.groups(found, found.clusters[0], sizes, Size(100, GIB // 2))
    assert [(p.name, p.min, p.max, p.groups, p.priority, p.idle, p.reserved) for p in pools] == [
        ("web", 1, 4, (0, 1), 3, 300, False),
        ("db", 2, 2, (2,), 0, 600, True),
    ]
    assert [(g.flavor, g.room, g.price) for g in groups] == [
        ("s", Size(900, GIB // 2), Decimal("0.1")),
        ("b3-8", Size(1900, 8 * GIB - GIB // 2), None),
        ("m", Size(1900, GIB + GIB // 2), Decimal("0.2")),
    ]


def test_a_flavor_of_unknown_size() -> None:
    found = spec("{name: web, autoscaling: {min: 1, max: 4, flavors: [b3-8, s]}}")
    with pytest.raises(SpecInvalid) as caught:
        build.groups(found, found.clusters[0], {}, Size(0, 0))
    (problem,) = caught.value.diagnostics
    assert problem.code == "KB0431"
    assert problem.span is not None
    assert problem.span.text[problem.span.column - 1 : problem.span.end_column - 1] == "s"
