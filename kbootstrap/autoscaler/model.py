"""Groups and instances as frozen data. A group is what Cluster Autoscaler calls a node group.

The life of an instance:

    WANTED ──▶ CREATING ──▶ INSTALLING ──▶ RUNNING ──▶ DELETING ──▶ (gone)
       └───────────┴─────────────┴────▶ FAILED ──────────▲

`FleetState` is the only memory: after a restart it is built again from the infrastructure's list of
machines and from the Nodes of Kubernetes (`merge.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from kbootstrap.providers.elastic import ElasticMachine
from kbootstrap.spec.model import Taint

DEADLINE = 600.0
"""Seconds from the request until the Node is Ready. It is below `--max-node-provision-time` (900 s), after
which Cluster Autoscaler gives up itself: so the cause is reported, not only that time passed."""
SHOWN = 120.0
"""Seconds for which a failed instance is reported. Cluster Autoscaler looks every 10 s, and deletes it."""
FAILURES = 3
"""Failures of one group in a row, after which it stops growing for a while."""
PAUSE, LONGEST_PAUSE = 300.0, 1800.0
"""Seconds that a group stops for; twice as long each time. The bounds are those of Cluster Autoscaler's own
back-off (`--initial-node-group-backoff-duration`, `--max-node-group-backoff-duration`)."""
REMEMBERED = 3600.0
"""Seconds for which removed names and addresses are remembered: a machine that appears late is not taken for
a new one."""


class InstancePhase(StrEnum):
    """The phase of an instance."""

    WANTED = "wanted"
    """Requested by Cluster Autoscaler. Nothing was requested of the infrastructure yet."""
    CREATING = "creating"
    INSTALLING = "installing"
    """The machine runs, and Kubernetes is being installed on it."""
    RUNNING = "running"
    """Its Node was Ready."""
    FAILED = "failed"
    """It does not become a node. It is reported with its fault for a while; its machine is deleted
    meanwhile."""
    DELETING = "deleting"


UNDER_WAY = frozenset({InstancePhase.WANTED, InstancePhase.CREATING, InstancePhase.INSTALLING})
COUNTED = UNDER_WAY | {InstancePhase.RUNNING}
"""What counts for the target size of a group."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an instance failed. `exhausted`: the infrastructure has no resources for it."""

    code: str
    message: str
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class Instance:
    """One machine of a group, from the request until it is gone.

    `since` is when it was requested. `requested`: the infrastructure was asked to create it, so it may exist
    even without `machine`. `seen` is when the machine was last listed, `missing` since when it is not (0: it
    is). `tries` counts failed attempts in its phase; the next one begins at `retry`. `avoid` has addresses
    that are taken. A failed instance is shown until `until`, under the ID that it had (`known_as`).
    """

    name: str
    group: str
    phase: InstancePhase
    since: float
    address: str = ""
    machine: ElasticMachine | None = None
    requested: bool = False
    seen: float = 0.0
    missing: float = 0.0
    tries: int = 0
    retry: float = 0.0
    avoid: frozenset[str] = frozenset()
    fault: Fault | None = None
    until: float = 0.0
    known_as: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A pool's machines of one flavor.

    `minimum` and `maximum` are bounds of the pool; all its groups together have at most `maximum`. Only the
    group of the pool's own flavor has `static` nodes, which OpenTofu makes; `minimum` is 0 for the others.
    `addresses` are those for elastic machines of the pool, in the order of their use. `idle` is how
    long a node must be idle before it is removed, in seconds.
    """

    id: str
    pool: str
    flavor: str
    minimum: int
    maximum: int
    prefix: str
    static: frozenset[str] = frozenset()
    addresses: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    price: float | None = None
    idle: int = 600


@dataclass(frozen=True, slots=True)
class SeenNode:
    """A Node of Kubernetes. `kept`: Cluster Autoscaler never chooses it for removal."""

    name: str
    provider_id: str = ""
    ready: bool = False
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """Whether machines of a group become nodes: failures in a row, and until when it stops growing."""

    failures: int = 0
    stopped: float = 0.0
    pause: float = PAUSE
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to report: as an Event, as a log line, and in metrics. `reason` is CamelCase."""

    reason: str
    message: str
    group: str = ""
    name: str = ""
    warning: bool = False


@dataclass(frozen=True, slots=True)
class FleetState:
    """Everything that the server knows. `gone` has the IDs of removed instances, and when they were removed.

    `freed` has their addresses: a network may remember for a while which machine had an address (DHCP leases,
    ARP), so others are used first. `notices` are what happened since they were last taken. `distribution` is
    the form of provider IDs.
    """

    distribution: str
    groups: Mapping[str, Group] = field(default_factory=dict)
    instances: Mapping[str, Instance] = field(default_factory=dict)
    nodes: Mapping[str, SeenNode] = field(default_factory=dict)
    health: Mapping[str, Health] = field(default_factory=dict)
    gone: Mapping[str, float] = field(default_factory=dict)
    freed: Mapping[str, float] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()

    def put(self, *changed: Instance) -> FleetState:
        """Return a state with these instances."""
        return replace(self, instances={**self.instances, **{one.name: one for one in changed}})

    def drop(self, name: str, known_as: Iterable[str], now: float) -> FleetState:
        """Return a state without an instance; all that it was known as is remembered."""
        rest = {key: one for key, one in self.instances.items() if key != name}
        address = self.instances[name].address
        gone = _remembered(self.gone, now) | dict.fromkeys(known_as, now)
        freed = _remembered(self.freed, now) | ({address: now} if address else {})
        return replace(self, instances=rest, gone=gone, freed=freed)

    def note(self, notice: Notice) -> FleetState:
        """Return a state with one more notice."""
        return replace(self, notices=(*self.notices, notice))

    def of(self, group: str) -> tuple[Instance, ...]:
        """Return the instances of a group, oldest first."""
        found = (one for one in self.instances.values() if one.group == group)
        return tuple(sorted(found, key=lambda one: (one.since, one.name)))

    def healthy(self, group: str) -> Health:
        """Return the health of a group."""
        return self.health.get(group, Health())

    def with_health(self, group: str, health: Health) -> FleetState:
        """Return a state with this health of a group."""
        return replace(self, health={**self.health, group: health})


def _remembered(times: Mapping[str, float], now: float) -> dict[str, float]:
    return {key: at for key, at in times.items() if now - at < REMEMBERED}


def group_id(pool: str, flavor: str) -> str:
    """Return the ID of a group, which must never change: the pool's first name, and the flavor."""
    return f"{pool}/{flavor}" if flavor else pool
