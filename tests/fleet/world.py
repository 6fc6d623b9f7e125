"""A simulated fleet: what k3s, etcd and systemd do with what kbootstrap does, and what must never happen."""

from __future__ import annotations

import heapq

from kbootstrap.render.address import key
from tests.fleet.machines import PASSWORD, Machine
from tests.fleet.services import Services
from tests.fleet.timeline import Broken

SERVERS = "module.endpoint.terraform_data.servers"
"""The resource that leads from the endpoint to the servers."""
REFUSES = 30.0
"""Seconds in which a server that has just started serves its API and refuses snapshots."""


def swept(machine: Machine) -> tuple[str, ...]:
    """Return what the uninstaller removes, besides what the stamp names."""
    own = machine.layout.data, machine.paths.binary
    return (*own, PASSWORD, "/var/lib/kbootstrap", "/etc/rancher", "/run/kbootstrap")


class World(Services):
    """A simulated fleet, its clock, and its invariants."""

    def advance(self, now: float) -> None:
        """Let everything happen that happens until `now`."""
        while self.queue and self.queue[0][0] <= now:
            self.now, _, what, name, number = heapq.heappop(self.queue)
            getattr(self, what)(name, number)
            self.verify()
        self.now = now

    def make(self, name: str, address: str) -> str:
        """Create a machine; return its ID. One of this name that a killed run left behind is deleted."""
        if name in self.machines:
            self.destroy(name)
        self.counter += 1
        made = Machine(name, f"i-{self.counter}", address, self.kind, booted=self.now)
        if any(one.address == made.address for one in self.machines.values()):
            raise AssertionError(f"{made.address} is in use")
        self.machines[name] = made
        self.touched.append(("make", name))
        return made.instance

    def dissolve(self, name: str) -> None:
        """Delete a machine because the whole cluster is to be lost."""
        self.clusters.clear()
        self.destroy(name)
        self.touched.append(("destroy", name))

    def create(self, address: str, _number: int) -> None:
        """OpenTofu creates the next resource; when it fails, it creates nothing more."""
        attributes = self.creating.pop(address, None)
        if attributes is None:
            return
        if address == self.breaks:
            self.creating.clear()
            self.broke = True
            return
        self.state[address] = dict(attributes)
        if ".node[" in address:
            self.state[address]["instance"] = self.make(str(key(address)), attributes["address"])
        self.endpoint = self.state.get(SERVERS, {}).get("servers", "").split()

    def verify(self) -> None:
        """Raise `Broken` where an invariant does not hold."""
        if len(self.clusters) > 1:
            raise Broken("a second cluster was founded")
        for cluster in self.clusters:
            if len(cluster.voters) > 1 and not self.quorum(cluster):
                well = [m.node for m in cluster.voters if self._healthy(m)]
                raise Broken(f"etcd has {len(cluster.voters)} voters, and only {well} are well")
        for pool, (limit, names) in self.watched.items():
            away = [name for name in names if self.away(name)]
            if len(away) > limit:
                raise Broken(f"{away} are away at the same time, and {limit} of pool {pool} may be")

    def vanish(self, name: str, _number: int) -> None:
        """The machine of an elastic node is deleted, and its Node with it: the cluster needs it no more."""
        if name in self.machines and self.cluster:
            self.destroy(name)
            self.delete_node(self.cluster, name)

    def away(self, name: str) -> bool:
        """Return whether a node does not serve: it starts, has no machine, or is not in the cluster."""
        machine, cluster = self.machines.get(name), self.cluster
        process = machine.alive if machine else None
        there = cluster is not None and name in cluster.nodes
        return not (there and process and process.registered and self.now >= process.ready_at)
