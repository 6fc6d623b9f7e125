"""A short run as events, with the time that each comes at."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.core.events import Event, Status, Type

SEND = "send k3s v1.32.0+k3s1"


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def run(agents: int, *, fails: bool = False) -> Iterator[tuple[float, Event]]:
    """Yield the events of an apply with one server and some agents."""
    nodes = ["dev-control-plane-1", *(f"dev-web-{number}" for number in range(1, agents + 1))]

    def phase(name: str, status: Status, seconds: float | None = None, detail: str | None = None) -> Event:
        return Event(
            type=Type.PHASE, cluster="dev", phase=name, status=status, seconds=seconds, detail=detail
        )

    def step(node: str | None, name: str, status: Status, detail: str | None = None) -> Event:
        seconds = None if status in {Status.STARTED, Status.WAITING} else 2.0
        return Event(
            type=Type.STEP,
            cluster="dev",
            node=node,
            step=name,
            status=status,
            seconds=seconds,
            detail=detail,
        )

    yield 0, phase("infrastructure", Status.STARTED)
    network = "create module.network.terraform_data.network"
    yield 0, step(None, network, Status.STARTED)
    yield 2, step(None, network, Status.DONE)
    yield 3, phase("infrastructure", Status.DONE, 3.0, "2 created")
    yield 3, phase("nodes", Status.STARTED)
    for node in nodes:
        yield 3, step(node, SEND, Status.STARTED)
    for second in range(4, 44, 4):
        for node in nodes:
            done = (second - 3) * 2_000_000
            yield (
                second,
                Event(
                    type=Type.PROGRESS,
                    cluster="dev",
                    node=node,
                    step=SEND,
                    done=done,
                    total=80_000_000,
                    unit="bytes",
                ),
            )
    yield 44, Event(type=Type.LOG, cluster="dev", node=nodes[0], detail="a line of a tool")
    yield 44, step(nodes[0], SEND, Status.DONE)
    yield 44, step(nodes[0], "start k3s.service", Status.STARTED)
    for node in nodes[1:]:
        yield 44, step(node, SEND, Status.DONE)
        yield 44, step(node, "start k3s-agent.service", Status.WAITING, f"waits for {nodes[0]}")
    yield 46, step(nodes[0], "start k3s.service", Status.DONE)
    yield 46, Event(type=Type.DIAGNOSTIC, cluster="dev", detail="warning: the clocks differ by 3 s")
    if fails:
        yield 50, step(nodes[-1], "start k3s-agent.service", Status.FAILED, "exit status 1\nsecond line")
        yield 51, phase("nodes", Status.FAILED, 48.0)
    else:
        yield 51, phase("nodes", Status.DONE, 48.0)
    yield 51, Event(type=Type.RESULT, status=Status.FAILED if fails else Status.DONE)
