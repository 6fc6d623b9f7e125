"""Facts about nodes that the Kubernetes API reports, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kbootstrap.cluster.state.recorded import Recorded
from kbootstrap.distros.additions import UNINITIALIZED
from kbootstrap.spec.model import Taint


@dataclass(frozen=True, slots=True)
class ApiNode:
    """A Node object, as far as it matters here. `applied` is our annotation: what we set last time.

    `etcd` is the node's etcd membership: True voter, False not (yet), None unknown or no server; it may be
    15 s old. `leaving`: we cordoned it, because it was to go. `deleted`: it is on its way out. `heartbeat` is
    when its kubelet last spoke (epoch, by the node's clock). `taint_times` has the times that Kubernetes
    added to taints, by `key:Effect`.
    """

    name: str
    ready: bool
    version: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    addresses: tuple[str, ...] = ()
    applied: str | None = None
    etcd: bool | None = None
    resource_version: str = ""
    taint_times: Mapping[str, str] = field(default_factory=dict)
    deleted: bool = False
    unschedulable: bool = False
    reason: str = ""
    heartbeat: int = 0
    leaving: bool = False

    def ready_since(self, since: int) -> bool:
        """Whether the node is Ready, and not from before `since` (epoch; 0: whenever): that lingers a minute.

        What was said in the same second may be from before: a service needs longer to start.
        """
        return self.ready and (since == 0 or self.heartbeat > since)

    @property
    def known(self) -> bool:
        """Whether the infrastructure's controller knows the node, or needs not."""
        return all(taint.key != UNINITIALIZED for taint in self.taints)


@dataclass(frozen=True, slots=True)
class ApiFacts:
    """What the Kubernetes API says of the cluster's nodes.

    `mark` is that of the Secret that the infrastructure's programs read, None where there is none.
    `machines` are those in the cluster's record (`decide/host_record.py`), by node name.
    """

    nodes: Mapping[str, ApiNode]
    mark: str | None = None
    machines: Mapping[str, Recorded] = field(default_factory=dict)
