"""Facts about nodes that the Kubernetes API reports, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kbootstrap.cluster.state.recorded import Recorded
from kbootstrap.distros.additions import UNINITIALIZED
from kbootstrap.spec.model import Taint


@dataclass(frozen=True, slots=True)
class ApiNode:
    """The relevant fields of a Node object. `applied` is kbootstrap's annotation of what it set last.

    `etcd` is the node's etcd membership: True voter, False not (yet), None unknown or no server; it may be
    15 s old. `leaving`: we cordoned it, because it was to go. `deleted`: it is on its way out. `heartbeat` is
    when its kubelet last spoke (epoch, by the node's clock). `lacks_network`: it is not Ready because no pod
    network is installed. `taint_times` has the times that Kubernetes
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
    lacks_network: bool = False

    def ready_since(self, since: int) -> bool:
        """Whether the node reported Ready after `since` (epoch; 0: at any time): old reports last a minute.

        A report of the same second may be older: a service needs longer to start.
        """
        return self.ready and (since == 0 or self.heartbeat > since)

    def without_network(self) -> ApiNode:
        """Return the node as it counts where the operator installs the pod network: all but that is ready."""
        return replace(self, ready=True, reason="") if self.lacks_network else self

    @property
    def known(self) -> bool:
        """Whether the infrastructure's controller has initialized the node, or there is no controller."""
        return all(taint.key != UNINITIALIZED for taint in self.taints)


@dataclass(frozen=True, slots=True)
class ApiFacts:
    """The cluster's nodes as the Kubernetes API reports them.

    `mark` is that of the Secret that the infrastructure's programs read, None where there is none.
    `machines` are those in the cluster's record (`decide/host_record.py`), by node name. `pods_mark` is the
    mark of the autoscaler's Secrets, None where there are none, or where they were not asked for.
    """

    nodes: Mapping[str, ApiNode]
    mark: str | None = None
    machines: Mapping[str, Recorded] = field(default_factory=dict)
    pods_mark: str | None = None

    def without_network(self) -> ApiFacts:
        """Return the facts as they count where the operator installs the pod network."""
        return replace(self, nodes={name: node.without_network() for name, node in self.nodes.items()})
