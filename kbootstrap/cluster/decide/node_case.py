"""The input for the decisions about one node."""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.cluster.decide import upgrade
from kbootstrap.cluster.decide.membership import Membership
from kbootstrap.cluster.decide.rotation import Rotation
from kbootstrap.cluster.state.api_facts import ApiNode
from kbootstrap.cluster.state.desired import DesiredCluster, DesiredNode
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.state.unit import UnitState
from kbootstrap.distros.model import Distribution, NodeFile


@dataclass(frozen=True, slots=True)
class NodeCase:
    """One node: what is desired of it, and the facts about it and its cluster.

    `seen` is its Node object, None where there is none. `api_known`: the Kubernetes API has answered.
    """

    desired: DesiredCluster
    node: DesiredNode
    facts: NodeFacts
    seen: ApiNode | None
    found: Membership
    tokens: Rotation
    api_known: bool

    @property
    def distro(self) -> Distribution:
        """The cluster's distribution."""
        return self.desired.distro

    @property
    def unit_name(self) -> str:
        """The name of the node's service."""
        return self.distro.unit(self.node.role)

    @property
    def unit(self) -> UnitState:
        """The state of the node's service."""
        return self.facts.unit(self.unit_name)

    @property
    def initial(self) -> bool:
        """Whether the node initialises the cluster."""
        return self.found.initial_server == self.node.name

    @property
    def member(self) -> bool:
        """Whether the node is a member of etcd."""
        return self.node.name in self.found.members

    @property
    def settled(self) -> bool:
        """Whether the service has been started before: then versions and fixed settings stay."""
        return self.facts.registered or self.unit.started

    @property
    def stale(self) -> bool:
        """Whether the Node object is of an earlier machine, or is being deleted: a new one must register."""
        return self.seen is not None and (not self.settled or self.seen.deleted)

    @property
    def installed(self) -> str:
        """The installed version, empty if there is none."""
        return self.distro.installed(self.facts.versions)

    @property
    def runs_other_version(self) -> bool:
        """Whether the service runs another version than the desired one."""
        return upgrade.other_version(self.desired, self.facts, self.seen)

    @property
    def version_reason(self) -> str:
        """The reason for steps that change the version."""
        return f"the node runs {upgrade.runs(self.desired, self.facts, self.seen)}"

    def has(self, file: NodeFile) -> bool:
        """Return whether the file exists on the node."""
        return file.path in self.facts.files
