"""What `status` reports of clusters, as data."""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.cluster.decide.comparison import NodeStatus
from kbootstrap.cluster.decide.drift import Drift
from kbootstrap.cluster.decide.last_snapshots import LastSnapshots
from kbootstrap.core.diagnostics import Diagnostic, errors


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """One cluster. `endpoint` is the API's URL; `note` is the reason if nothing else is known.

    `made` False: it was never made. `drift` is what differs and belongs to no node, `diagnostics` what a plan
    says of the nodes. `holder` is the run that changes the cluster at this moment.
    """

    name: str
    provider: str
    endpoint: str | None = None
    rows: tuple[NodeStatus, ...] = ()
    note: str = ""
    made: bool = True
    holder: str | None = None
    drift: tuple[Drift, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    snapshots: LastSnapshots | None = None

    @property
    def good(self) -> bool:
        """Whether everything matches the spec, and snapshots are created as scheduled."""
        return (
            bool(self.rows)
            and all(row.good for row in self.rows)
            and not (self.note or self.drift or errors(self.diagnostics))
            and not (self.snapshots and self.snapshots.late)
        )

    @property
    def pending(self) -> bool:
        """Whether `apply` would change something."""
        return not self.made or bool(self.drift) or any(row.pending or row.drift for row in self.rows)


@dataclass(frozen=True, slots=True)
class Statuses:
    """The clusters of a spec, and the exit code of the failures, 0 if there are none."""

    clusters: tuple[ClusterStatus, ...]
    failed: int = 0

    @property
    def good(self) -> bool:
        """Whether everything matches the spec."""
        return not self.failed and all(cluster.good for cluster in self.clusters)

    @property
    def pending(self) -> bool:
        """Whether `apply` would change something."""
        return any(cluster.pending for cluster in self.clusters)
