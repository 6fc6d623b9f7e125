"""Spans arranged in rows: one for each cluster, then one for each of its nodes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from kbootstrap.timeline.spans import TimelineSpan


@dataclass(frozen=True, slots=True)
class Row:
    """A row. `node` is None in the row of the cluster: phases, then steps that concern no single node.

    Spans of one lane do not overlap, except in the last one where the number of lanes is limited.
    """

    cluster: str
    node: str | None
    lanes: tuple[tuple[TimelineSpan, ...], ...]


def rows(spans: Iterable[TimelineSpan], *, most: int | None = None) -> tuple[Row, ...]:
    """Return the rows, clusters in order of time and nodes in order of their names.

    `most` is the largest number of lanes for the steps of a row.
    """
    by_row: dict[tuple[str, str | None], list[TimelineSpan]] = {}
    for span in spans:
        by_row.setdefault((span.cluster, None), [])
        by_row.setdefault((span.cluster, span.node), []).append(span)
    clusters = list(dict.fromkeys(cluster for cluster, _ in by_row))
    order = sorted(by_row, key=lambda row: (clusters.index(row[0]), row[1] is not None, _natural(row[1])))
    return tuple(_row(*key, by_row[key], most) for key in order)


def _row(cluster: str, node: str | None, spans: list[TimelineSpan], most: int | None) -> Row:
    phases = _lanes([span for span in spans if span.step is None], None)
    steps = _lanes([span for span in spans if span.step is not None], most)
    return Row(cluster, node, tuple(tuple(lane) for lane in [*phases, *steps]))


def _lanes(spans: list[TimelineSpan], most: int | None) -> list[list[TimelineSpan]]:
    """Distribute spans, so that the longest ones are in the first lanes."""
    lanes: list[list[TimelineSpan]] = []
    for span in sorted(spans, key=lambda span: -span.seconds):
        free = (lane for lane in lanes if not any(_overlap(span, other) for other in lane))
        lane = next(free, None)
        if lane is None and most is not None and len(lanes) >= most:
            lane = lanes[-1]
        if lane is None:
            lanes.append(lane := [])
        lane.append(span)
    return [sorted(lane, key=lambda span: span.begin) for lane in lanes]


def _overlap(one: TimelineSpan, other: TimelineSpan) -> bool:
    return one.begin < other.end and other.begin < one.end


def _natural(name: str | None) -> list[tuple[int, str]]:
    """Return a sort key that puts `web-2` before `web-10`."""
    parts = re.findall(r"\d+|\D+", name or "")
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
