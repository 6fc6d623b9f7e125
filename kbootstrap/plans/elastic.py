"""Which elastic machines are nodes that stay, and which must leave, by the spec; pure.

The server of Cluster Autoscaler makes and removes them with the load. `apply` removes one only where the spec
has no place for it any more, where the operator asks for it, or where nothing takes care of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from kbootstrap.providers.elastic import ElasticMachine, MachinePhase
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Node, Pool
from kbootstrap.spec.topology import elastic_addresses, is_elastic

INSTALLING = 600.0
"""Seconds after its creation in which a machine whose Node is not Ready is still being installed: the
server's deadline (`autoscaler/model.py`)."""
ABANDONED = 1800.0
"""Seconds after which a machine without a Node is certainly not being installed: the server gives up after
ten minutes, and deletes it."""


@dataclass(frozen=True, slots=True)
class Elastic:
    """The elastic machines of a cluster, by what happens to them.

    `staying` are nodes as the spec wants them. `leaving` has the reason for each that must leave; `first` are
    those of them whose address a new node needs. `joining` are machines that are no nodes yet. `passing` are
    Nodes whose machine has just gone. `machines` are all that exist.
    """

    staying: tuple[Node, ...] = ()
    leaving: Mapping[str, str] = field(default_factory=dict)
    first: frozenset[str] = frozenset()
    joining: tuple[str, ...] = ()
    passing: frozenset[str] = frozenset()
    machines: Mapping[str, ElasticMachine] = field(default_factory=dict)

    @property
    def moving(self) -> Mapping[str, str]:
        """What is done, without `apply`, with machines that are no nodes, and with Nodes without machine."""
        return {
            **dict.fromkeys(self.joining, "being created"),
            **dict.fromkeys(sorted(self.passing), "being removed"),
        }


NOTHING = Elastic()


def judge(
    cluster: Cluster,
    lock: Lock,
    nodes: Collection[Node],
    machines: Collection[ElasticMachine],
    known: Mapping[str, bool],
    now: float,
    asked: Collection[str] = (),
    *,
    abandoned: str = "",
) -> Elastic:
    """Return what happens to the elastic machines.

    `nodes` are those that OpenTofu makes, `known` has for each Node of the cluster whether it is Ready and
    its installation has come to its end, `now` is the time (epoch, seconds), and `asked` are names, or pools
    as `CLUSTER/POOL`, that shall leave. `abandoned` is why all of them must leave, empty if they need not.
    """
    pools = {pool.born: pool for pool in cluster.pools}
    fixed = {str(node.address): node.name for node in nodes}
    present = {one.name: one for one in machines if one.phase is not MachinePhase.DELETING}
    members = {
        name
        for name, one in present.items()
        if name in known and (known[name] or now - one.created > INSTALLING)
    }
    leaving: dict[str, str] = {}
    first: set[str] = set()
    for one in present.values():
        if one.address in fixed:
            first.add(one.name)
        if why := abandoned or _unwanted(cluster, pools.get(one.pool), one, asked):
            leaving[one.name] = why
        elif one.address in fixed:
            leaving[one.name] = f"{fixed[one.address]} gets its address, {one.address}"
        elif one.name not in known and now - one.created > ABANDONED:
            leaving[one.name] = "it never became a node, and nothing installs it"
    for pool in cluster.pools:
        # A machine that failed may still be listed while it is deleted: only nodes count.
        own = [one for one in present.values() if one.name in members and one.name not in leaving]
        leaving |= _surplus(pool, own)
    staying = [one for one in present.values() if one.name not in leaving]
    gone = {name for name in known if is_elastic(cluster.name, name) and name not in present}
    return Elastic(
        tuple(elastic_node(cluster, pools[one.pool], one, lock) for one in staying if one.name in members),
        leaving,
        frozenset(first),
        tuple(sorted(one.name for one in staying if one.name not in members)),
        frozenset(gone),
        present,
    )


def _unwanted(cluster: Cluster, pool: Pool | None, one: ElasticMachine, asked: Collection[str]) -> str:
    """Return why the spec has no place for a machine; empty if it has one."""
    if pool is None or pool.autoscaling is None:
        return f"the spec has no autoscaled pool {one.pool}"
    if one.flavor not in (pool.flavors or ("",)):
        return f"pool {pool.name} no longer has the flavor {one.flavor}"
    if asked and {one.name, f"{cluster.name}/{pool.name}"} & set(asked):
        return "asked for; Cluster Autoscaler makes another one when pods need it"
    return ""


def _surplus(pool: Pool, staying: Collection[ElasticMachine]) -> dict[str, str]:
    """Return the newest nodes of a pool beyond its maximum."""
    own = sorted((one for one in staying if one.pool == pool.born), key=lambda one: (one.created, one.name))
    room = max(pool.capacity - pool.nodes, 0)
    return {one.name: f"pool {pool.name} has {pool.capacity} nodes at most" for one in own[room:]}


def elastic_node(cluster: Cluster, pool: Pool, one: ElasticMachine, lock: Lock) -> Node:
    """Return the node of an elastic machine, as the spec wants it."""
    known = list(elastic_addresses(cluster, pool, lock))
    address = next((found for found in known if str(found) == one.address), None)
    number = known.index(address) + 1 if address is not None else 0
    return Node(one.name, "agent", pool.name, number, address or one.address, pool.labels, pool.taints)
