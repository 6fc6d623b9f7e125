"""etcd of a simulated fleet: members, and what a majority of them decides."""

from __future__ import annotations

from tests.fleet.machines import Cluster, Machine, Member, Process
from tests.fleet.timeline import Timeline


class Etcd(Timeline):
    """Members of etcd."""

    def _healthy(self, member: Member) -> bool:
        machine = self.machines.get(member.node)
        process = machine.control if machine else None
        return bool(machine and process and process.etcd and machine.text(machine.layout.wal) == member.id)

    def quorum(self, cluster: Cluster) -> bool:
        voters = cluster.voters
        return sum(map(self._healthy, voters)) >= len(voters) // 2 + 1

    @property
    def cluster(self) -> Cluster | None:
        return self.clusters[0] if self.clusters else None

    def answering(self, address: str = "") -> Cluster | None:
        """Return the cluster whose API answers now, at a machine's address, else at the endpoint."""
        cluster = self.cluster
        if cluster is None or self.now < self.bumpy or not self.quorum(cluster):
            return None
        own = [m for m in self.machines.values() if m.address == address]
        behind = own or [m for m in self.machines.values() if m.address in self.endpoint]
        return cluster if any(m.control and m.control.serving for m in behind) else None

    def remove_member(self, cluster: Cluster, node: str) -> None:
        for member in [m for m in cluster.members.values() if m.node == node]:
            del cluster.members[member.id]
            machine = self.machines.get(node)
            if machine and machine.control and machine.text(machine.layout.wal) == member.id:
                self._removed(machine, machine.control)

    @staticmethod
    def _removed(machine: Machine, process: Process) -> None:
        machine.put(machine.layout.tombstone, "")
        machine.pods = None
        process.stage, process.etcd, process.serving = "removed", False, False
