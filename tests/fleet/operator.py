"""What an operator does with a simulated fleet, and what must be true after it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from kbootstrap.cluster.state.labels import LEAVING
from tests.fleet.desk import Desk, Ended
from tests.fleet.wishes import CLUSTER, Wish
from tests.fleet.world import World


class Operator:
    """One fleet with its spec, from its first apply on."""

    def __init__(self, folder: Path, wish: Wish, *, shares: bool = False, cloud: bool = False) -> None:
        self.desk, self.wish = Desk(folder, World(wish.distribution, shares=shares), cloud=cloud), wish
        self.desk.spec.write_text(wish.text())

    @property
    def world(self) -> World:
        return self.desk.world

    def make(self) -> None:
        """The first apply, and a workload."""
        self.converge()
        cluster = self.world.cluster
        assert cluster is not None
        for owner in ("shop", "shop", "cart"):
            self.world.make_pod(cluster, owner)
        self.world.schedule()
        self.desk.wait(20)

    def edit(self, wish: Wish, *, without: Collection[str] = ()) -> None:
        """Write another spec; `without` are nodes whose machine is lost, or will be replaced."""
        self.world.watched = self.wish.watched(wish, without)
        self.wish = wish
        self.desk.spec.write_text(wish.text())
        self.world.touched.clear()

    def converge(self, replaced: Collection[str] = ()) -> Ended:
        """Apply, and see that all is as wanted; refusals are returned to the caller."""
        ended = self.desk.apply(replaced=replaced)
        if ended.error is None:
            self.settled()
        return ended

    def settled(self) -> None:
        """Everything is as the spec says, and a second apply has nothing to do."""
        touched, self.world.touched = self.world.touched, []
        again = self.desk.apply()
        assert again.error is None, again.error
        assert not again.changed, again.calls
        assert self.world.touched == []
        self.world.touched = touched
        self.desk.wait(20)
        self.verify()

    def verify(self) -> None:
        world, wish = self.world, self.wish
        cluster = world.cluster
        assert cluster is not None
        assert set(world.machines) == wish.names() | self.elastic()
        assert set(cluster.nodes) == wish.names() | self.elastic()
        assert {m.node for m in cluster.voters} == wish.server_names()
        assert len(cluster.members) == wish.servers
        for name, machine in world.machines.items():
            node = cluster.nodes[name]
            world.refresh(node)
            assert not world.away(name), name
            assert node.ready, name
            assert node.version == machine.version() == wish.version, name
            assert not node.unschedulable, name
            assert LEAVING not in node.annotations
            assert machine.process is not None
            assert machine.enabled == {machine.process.unit}, name
            assert not machine.has("/var/lib/kbootstrap/next"), name
            assert not machine.has("/run/kbootstrap/restart"), name
        for pool in wish.pools:
            for name in pool.names() | self.elastic(pool.born):
                node = cluster.nodes[name]
                assert {key: node.labels.get(key) for key in pool.labels} == dict(pool.labels), name
                assert {f"{t['key']}={t['value']}:{t['effect']}" for t in node.taints} == set(pool.taints), (
                    name
                )
        for name in wish.server_names():
            machine = world.machines[name]
            config = machine.text(machine.paths.config)
            assert all(f"- {one}" in config or f'- "{one}"' in config for one in wish.disable), name

    def elastic(self, pool: str = "") -> set[str]:
        """Return the names of elastic machines, of one pool or of all."""
        return {name for name, one in self.world.machines.items() if one.pool and pool in ("", one.pool)}

    def concerned(self) -> set[str]:
        """Return the nodes that were changed since the last edit."""
        return {name for _, name in self.world.touched if name.startswith(f"{CLUSTER}-")}
