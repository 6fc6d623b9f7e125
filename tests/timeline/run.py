"""Events of a run by hand: each with the second at which it comes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kbootstrap.core.events import Event, Status, Type

BEGAN = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
RECORDED = Path(__file__).parent / "recorded" / "apply.jsonl"
"""The phases and steps of a real run: one server and one agent as containers."""


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def phase(
    seconds: float, name: str, status: Status = Status.STARTED, *, cluster: str | None = "dev"
) -> Event:
    return Event(type=Type.PHASE, cluster=cluster, phase=name, status=status, time=at(seconds))


def step(
    seconds: float,
    name: str,
    status: Status = Status.STARTED,
    *,
    node: str | None = None,
    cluster: str | None = "dev",
    phase: str | None = None,
    took: float | None = None,
    detail: str | None = None,
) -> Event:
    return Event(
        type=Type.STEP,
        cluster=cluster,
        node=node,
        phase=phase,
        step=name,
        status=status,
        seconds=took,
        detail=detail,
        time=at(seconds),
    )


def whole(begin: float, end: float, name: str, node: str | None = None, cluster: str = "dev") -> list[Event]:
    """Return the begin and the end of a step."""
    return [
        step(begin, name, node=node, cluster=cluster),
        step(end, name, Status.DONE, node=node, cluster=cluster),
    ]


def ordered(*events: Event | list[Event]) -> list[Event]:
    """Return events in the order of their times; of those at the same time ends come before begins."""

    def flat() -> Iterator[Event]:
        for one in events:
            yield from one if isinstance(one, list) else [one]

    return sorted(flat(), key=lambda event: (event.time, event.status is Status.STARTED))


def cluster(name: str = "dev", begin: float = 0.0) -> list[Event]:
    """Return the events of a small cluster: ten seconds of plan, and 90 of steps on two nodes."""
    server, agent = f"{name}-control-plane-1", f"{name}-web-1"
    return ordered(
        phase(begin, "plan", cluster=name),
        phase(begin + 10, "plan", Status.DONE, cluster=name),
        phase(begin + 10, "nodes", cluster=name),
        whole(begin + 10, begin + 20, "send k3s", server, name),
        whole(begin + 10, begin + 18, "send k3s", agent, name),
        whole(begin + 20, begin + 60, "wait for the API server and etcd", server, name),
        whole(begin + 61, begin + 100, "wait until the node is Ready", agent, name),
        whole(begin + 60, begin + 70, "wait until the node is Ready", server, name),
        phase(begin + 100, "nodes", Status.DONE, cluster=name),
    )
