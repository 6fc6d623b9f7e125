"""The data of a simulation: pools with their groups of one flavor, delays, and the result."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from kbootstrap.simulation.quantities import Size

MOST_PODS = 110
"""Pods on a node: the kubelet's default (`maxPods`)."""


@dataclass(frozen=True, slots=True)
class SimulatedGroup:
    """Nodes of one pool and one flavor. `room` is what pods can request on one; `price` is per hour."""

    pool: int
    flavor: str
    room: Size
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class SimulatedPool:
    """The bounds of a pool. The first of its `groups` (indexes) has the nodes up to `min`.

    `idle` is how long a node must be idle before it is removed, in seconds. `reserved`: it runs only pods
    that name it, because of its taints.
    """

    name: str
    min: int
    max: int
    groups: tuple[int, ...]
    priority: int = 0
    idle: int = 600
    reserved: bool = False


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds: from the request of a machine until it answers, from then until its node is Ready.

    `scan` is the time between two decisions, `settle` how long no node is removed after one was added; both
    are defaults of Cluster Autoscaler (`--scan-interval`, `--scale-down-delay-after-add`).
    """

    boot: int = 60
    join: int = 30
    scan: int = 10
    settle: int = 600


@dataclass(frozen=True, slots=True)
class Sample:
    """The state from `time` (seconds) on, until the next sample.

    `nodes` are the existing machines by group, also those that are not Ready yet.
    """

    time: int
    nodes: tuple[int, ...]
    ready: int
    running: int
    pending: int


@dataclass(frozen=True, slots=True)
class Wait:
    """How long pods waited for a node, in seconds: of how many, the sum, and the longest."""

    pods: int
    seconds: int
    longest: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """The result. `created` and `removed` count nodes; `too_large` are workloads that fit no flavor."""

    pools: tuple[SimulatedPool, ...]
    groups: tuple[SimulatedGroup, ...]
    samples: tuple[Sample, ...]
    end: int
    wait: Wait
    created: int
    removed: int
    too_large: tuple[str, ...]
