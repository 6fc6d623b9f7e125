"""The plan document: changes of infrastructure and nodes for the clusters of a spec, as frozen data.

Texts are ours and complete (no secret is in them); how they look is the views' business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from kbootstrap.cluster.decide.order import Order
from kbootstrap.core.diagnostics import Diagnostic, errors
from kbootstrap.cost.model import ClusterCost, PoolSize
from kbootstrap.distros.model import Role
from kbootstrap.spec.prices import Budget, Prices
from kbootstrap.tofu.plan import Kind

DANGER: tuple[Kind, ...] = ("delete", "replace", "forget", "update", "create")
"""Kinds of changes, the most dangerous first."""


@dataclass(frozen=True, slots=True)
class Place:
    """The cause of a change in the spec: `path` for people, `file` and `line` (from 1) if known."""

    path: str
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.file else self.path


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that changes.

    `because` are the attributes that force a replacement, `changed` those that differ, `reason` is tofu's own
    word, `why` all of that in words. `machine` says whether it is a node's machine, `unprovisioned` one
    that carries nothing of a cluster. `effects` are sentences without a full stop: what it means for quorum
    and data.
    """

    kind: Kind
    address: str
    type: str
    node: str | None
    machine: bool
    because: tuple[str, ...]
    changed: tuple[str, ...]
    reason: str | None
    why: str
    place: Place | None
    effects: tuple[str, ...] = ()
    unprovisioned: bool = False


@dataclass(frozen=True, slots=True)
class StepEntry:
    """One step on a node. `kind` is its stable name, `unit` the unit that it starts, `path` its file.

    `diff` is a unified diff of a file that exists and changes; None where the old text is not known.
    """

    kind: str
    title: str
    why: str
    path: str | None = None
    unit: str | None = None
    diff: str | None = None


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """The steps of one node, in order. `leaves`: it leaves, for good or until its new machine exists."""

    node: str
    steps: tuple[StepEntry, ...]
    initial_server: bool = False
    leaves: bool = False

    @property
    def restarts(self) -> tuple[str, ...]:
        """The units that run now and will be restarted."""
        return tuple(step.unit for step in self.steps if step.kind == "restart-service" and step.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterEntry:
    """One cluster. `changes` are ordered by danger; `drift` is what was changed outside kbootstrap.

    `moves` are modules that get another address, from and to, with what is in them as it is.
    `nodes` are those with steps; `nodes_known` is False while nodes could not be observed: none exists, or
    `unseen` says why. `install` names nodes that are installed from nothing once their machine answers.
    `before` and `after` have the nodes and their roles, `versions` the Kubernetes versions that were found,
    `version` the wanted one. `order` says in which order nodes leave and get new machines. `location` says
    where the infrastructure is (cloud, region), empty where that goes without saying. `sizes` are the bounds
    and the present size of each pool; `cost` is None without prices.
    """

    cluster: str
    changes: tuple[Change, ...] = ()
    drift: tuple[Change, ...] = ()
    outputs: tuple[str, ...] = ()
    moves: tuple[tuple[str, str], ...] = ()
    nodes: tuple[NodeEntry, ...] = ()
    nodes_known: bool = True
    unseen: str | None = None
    install: tuple[str, ...] = ()
    before: Mapping[str, Role]
    after: Mapping[str, Role]
    versions: tuple[str, ...] = ()
    version: str
    diagnostics: tuple[Diagnostic, ...] = ()
    place: Place | None = None
    order: Order = field(default_factory=Order)
    location: str = ""
    sizes: tuple[PoolSize, ...] = ()
    cost: ClusterCost | None = None

    @property
    def refused(self) -> bool:
        """Whether a diagnostic refuses this plan."""
        return bool(errors(self.diagnostics))

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do. A refused plan, or one with unobserved nodes, is not empty."""
        some = self.changes or self.outputs or self.moves or self.nodes or self.install
        return not some and self.unseen is None and not self.refused

    @property
    def counts(self) -> Mapping[Kind, int]:
        """The number of changed resources by kind, without zero values."""
        return Counter(change.kind for change in self.changes)

    def machines(self, *kinds: Kind) -> tuple[str, ...]:
        """Return the nodes whose machine has a change of one of these kinds."""
        return tuple(c.node for c in self.changes if c.machine and c.node and c.kind in kinds)

    @property
    def servers_lost(self) -> tuple[str, ...]:
        """Control-plane nodes with the cluster's data whose machine is removed, replaced or uninstalled."""
        changed = (
            c.node
            for c in self.changes
            if c.machine and c.node and c.kind in ("delete", "replace") and not c.unprovisioned
        )
        last = ("uninstall-machine", "leave-machine")
        left = (node.node for node in self.nodes if node.leaves and node.steps[-1].kind in last)
        return tuple(name for name in (*changed, *left) if self.before.get(name) == "server")


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """The plan of all chosen clusters. `spec` is the name that the spec gives itself.

    `left` are clusters of this spec that it no longer names, and that were made from this folder: nothing is
    done to them. `prices` are those of the spec, `budget` is for all of its clusters.
    """

    spec: str
    clusters: tuple[ClusterEntry, ...]
    left: tuple[str, ...] = ()
    prices: Prices | None = None
    budget: Budget | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return all(cluster.empty for cluster in self.clusters)

    @property
    def refused(self) -> bool:
        """Whether any cluster is refused: then nothing is done."""
        return any(cluster.refused for cluster in self.clusters)
