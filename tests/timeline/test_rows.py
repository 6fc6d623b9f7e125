from __future__ import annotations

from itertools import pairwise

import pytest

from kbootstrap.core.events import Status
from kbootstrap.timeline.kinds import SpanKind, kind
from kbootstrap.timeline.rows import rows
from kbootstrap.timeline.spans import TimelineSpan, read

from .run import cluster, ordered, phase, whole


def span(step: str | None, phase: str = "nodes") -> TimelineSpan:
    return TimelineSpan("dev", phase, step, None, 0, 1, Status.DONE)


@pytest.mark.parametrize(
    ("step", "phase", "expected"),
    [
        (None, "plan", SpanKind.PLAN),
        (None, "nodes", SpanKind.NODES),
        (None, "replace", SpanKind.NODES),
        ("create module.network.terraform_data.network", "infrastructure", SpanKind.INFRASTRUCTURE),
        ('delete module.pool_a.openstack_compute_instance_v2.node["a-1"]', "remove", SpanKind.INFRASTRUCTURE),
        ("delete the old Node object", "nodes", SpanKind.NODES),
        ("change /etc/rancher/k3s/config.yaml", "nodes", SpanKind.FILES),
        ("change to v1.32.0+k3s1", "nodes", SpanKind.FILES),
        ("obtain k3s v1.32.0+k3s1 amd64", "artifacts", SpanKind.FILES),
        ("wait until the node is Ready", "nodes", SpanKind.WAIT),
        ("restart k3s.service", "nodes", SpanKind.SERVICE),
        ("connect", "connect", SpanKind.CONNECT),
        ("node image", "prepare", SpanKind.PLAN),
        ("a step of a later version", "a phase of a later version", SpanKind.NODES),
    ],
)
def test_kinds(step: str | None, phase: str, expected: SpanKind) -> None:
    assert kind(span(step, phase)) is expected


def test_a_row_for_the_cluster_and_one_for_each_node() -> None:
    run = ordered(cluster("b", 0), cluster("a", 1))
    assert [(row.cluster, row.node) for row in rows(read(run).spans)] == [
        ("b", None),
        ("b", "b-control-plane-1"),
        ("b", "b-web-1"),
        ("a", None),
        ("a", "a-control-plane-1"),
        ("a", "a-web-1"),
    ]


def test_nodes_are_in_the_order_of_their_numbers() -> None:
    run = ordered(phase(0, "nodes"), *(whole(0, 1, "send", f"dev-web-{number}") for number in (10, 2, 1)))
    assert [row.node for row in rows(read(run).spans)][1:] == ["dev-web-1", "dev-web-2", "dev-web-10"]


def test_spans_of_a_lane_do_not_overlap() -> None:
    steps = [whole(0, 9, "send a", "n"), whole(1, 3, "write b", "n"), whole(3, 4, "write c", "n")]
    run = ordered(phase(0, "nodes"), *steps, whole(1, 4, "write d", "n"), whole(9, 12, "start", "n"))
    row = rows(read(run).spans)[1]
    assert [[span.title for span in lane] for lane in row.lanes] == [
        ["send a", "start"],
        ["write d"],
        ["write b", "write c"],
    ]
    for lane in row.lanes:
        assert all(one.end <= other.begin for one, other in pairwise(lane))
    assert len(rows(read(run).spans, most=2)[1].lanes) == 2
