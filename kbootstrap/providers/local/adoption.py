"""Finds containers and the network of a cluster that are in no state, by names and labels.

The label `kbootstrap.instance` of each is its ID in the lost state. Nothing is created: the scripts of the
modules skip the names in `KBOOTSTRAP_ADOPT`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kbootstrap.providers.capabilities import Adoptable, ExistingResource
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.elastic import ELASTIC
from kbootstrap.providers.local.claims import belongs, endpoint_name, network_name
from kbootstrap.providers.local.containers import (
    CLUSTER,
    INSTANCE,
    NODE,
    SPEC,
    Container,
    Containers,
)
from kbootstrap.render.hcl import instance
from kbootstrap.render.root import module_name
from kbootstrap.spec.model import CONTROL_PLANE, Cluster, Node, Spec
from kbootstrap.spec.topology import endpoint_address

VARIABLE = "KBOOTSTRAP_ADOPT"
"""Names of existing containers and networks, separated by spaces."""


async def find(context: ProviderContext, containers: Containers) -> Adoptable:
    """Return the existing containers and the network of the cluster."""
    spec, cluster, nodes = context.spec, context.cluster, context.nodes
    owner, own = str(context.space.root), endpoint_name(cluster)
    marked = await containers.labelled({SPEC: spec.name, CLUSTER: cluster.name})
    there = {one.name: one for one in marked if belongs(one.labels, spec.name, cluster.name, owner)}
    known = {own, *(node.name for node in nodes)}
    network = await _network(spec, cluster, containers, owner)
    things = [*network[0], *_endpoint(there.get(own)), *_nodes(cluster, nodes, there)]
    wanted = {node.name: str(node.address) for node in nodes} | {own: str(endpoint_address(cluster))}
    problems = [
        f"{name} has the address {', '.join(sorted(one.addresses))}, and the spec assigns {wanted[name]}"
        for name, one in there.items()
        if name in wanted and one.addresses and wanted[name] not in one.addresses
    ]
    return Adoptable(
        tuple(things),
        {VARIABLE: " ".join(dict.fromkeys(thing.name for thing in things))},
        tuple(sorted(name for name, one in there.items() if name not in known and _unexpected(one))),
        (*network[1], *problems),
    )


def _unexpected(one: Container) -> bool:
    """Return whether a container should be in the state; elastic ones never are."""
    return NODE in one.labels and ELASTIC not in one.labels


async def _network(
    spec: Spec, cluster: Cluster, containers: Containers, owner: str
) -> tuple[list[ExistingResource], list[str]]:
    name = network_name(spec.name, cluster.name)
    found = next((one for one in await containers.networks() if one.name == name), None)
    if found is None or not belongs(found.labels, spec.name, cluster.name, owner):
        return [], []
    wrong = cluster.network is not None and cluster.network.cidr not in found.subnets
    have = ", ".join(map(str, found.subnets))
    problems = [f"the network {name} is {have}, and the spec defines another range"] if wrong else []
    mark = found.labels.get(INSTANCE, "")
    return [ExistingResource("module.network.terraform_data.network", name, mark)] if mark else [], problems


def _endpoint(there: Container | None) -> Iterator[ExistingResource]:
    if there and there.labels.get(INSTANCE):
        yield ExistingResource("module.endpoint.terraform_data.endpoint", there.name, there.labels[INSTANCE])
        yield ExistingResource("module.endpoint.terraform_data.servers", there.name)


def _nodes(
    cluster: Cluster, nodes: Sequence[Node], there: dict[str, Container]
) -> Iterator[ExistingResource]:
    pools = {pool.name: pool for pool in cluster.pools} | {CONTROL_PLANE: cluster.control_plane}
    for node in nodes:
        mark = there[node.name].labels.get(INSTANCE) if node.name in there else None
        if mark:
            base = f"module.{module_name(cluster, pools[node.pool])}.terraform_data"
            yield ExistingResource(instance(f"{base}.node", node.name), node.name, mark)
            yield ExistingResource(instance(f"{base}.authorized_keys", node.name), node.name)
