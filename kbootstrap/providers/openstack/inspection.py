"""Finds machines of a cluster that no longer exist, or that were never used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.providers.cloud.inventory import bastion_name
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.model import MachineState, Provisioning
from kbootstrap.providers.openstack import machines
from kbootstrap.providers.openstack.connection import Cloud
from kbootstrap.providers.openstack.names import CLUSTER, SPEC, marked, ours
from kbootstrap.providers.openstack.servers import GONE, state_of, states
from kbootstrap.providers.openstack.settings import BastionMachine, settings
from kbootstrap.render.hcl import instance
from kbootstrap.render.root import module_name
from kbootstrap.spec.model import Cluster

if TYPE_CHECKING:
    from openstack.connection import Connection

_BASTION = "module.bastion.openstack_compute_instance_v2.bastion"


async def inspect(
    cloud: Cloud,
    context: ProviderContext,
    outputs: Mapping[str, Any],
    names: Collection[str],
    *,
    faults: bool,
) -> dict[str, MachineState]:
    """Implement `Provider.inspect`. Each part requires its own requests."""
    found = await missing(cloud, context.cluster, outputs)
    seen = await provisioning(cloud, context, names) if names else {}
    messages = await machines.faults(cloud, context) if faults else {}
    for name in {**seen, **messages}:
        found[name] = replace(
            found.get(name, MachineState()),
            provisioning=seen.get(name, Provisioning.UNKNOWN),
            fault=messages.get(name, ""),
        )
    return found


async def missing(cloud: Cloud, cluster: Cluster, outputs: Mapping[str, Any]) -> dict[str, MachineState]:
    """Return machines that no longer exist. OpenTofu also detects them, but only while it plans.

    Raises `PrerequisiteMissing` (KB1133) if nothing of the state is in this project.
    """
    contract = outputs.get("kbootstrap")
    if not contract:
        return {}
    wanted = {node["instance"] for node in contract["nodes"].values()}
    bastion = contract.get("bastion")
    own = bastion is not None and bastion["instance"] not in wanted
    there = await states(cloud, {*wanted, bastion["instance"]} if own else wanted)
    if not there and not await cloud.ask("list the networks", partial(_has, cluster.name, contract)):
        raise PrerequisiteMissing(
            f"nothing of cluster {cluster.name} is in the project {cloud.project} of {cloud.source}",
            hint="the state is of another project or region: check the credentials and `region`. If all "
            "resources were deleted manually, `kbootstrap explain KB1133` describes how to start over",
            code="KB1133",
        )
    modules = {pool.born: module_name(cluster, pool) for pool in (cluster.control_plane, *cluster.pools)}
    places = {
        instance(f"module.{modules[node['pool']]}.openstack_compute_instance_v2.node", name): (name, node)
        for name, node in contract["nodes"].items()
        if node["pool"] in modules
    }
    if own and isinstance(settings(cluster).bastion, BastionMachine):
        places[_BASTION] = (bastion_name(cluster), bastion)
    return {
        name if name in contract["nodes"] else address: MachineState(
            gone=f"the cloud has no machine {name}", replace=(address,)
        )
        for address, (name, machine) in places.items()
        if there.get(machine["instance"], "DELETED") in GONE
    }


async def provisioning(
    cloud: Cloud, context: ProviderContext, names: Collection[str]
) -> dict[str, Provisioning]:
    """Return which nodes have no machine, or one that never ran (no host had capacity, or it is being built).

    A machine that ran is unknown, because the cloud does not show whether something was installed on it. So
    is a machine that is not listed while its port is in use.
    """
    spec, cluster = context.spec, context.cluster

    def look(sdk: Connection) -> dict[str, Provisioning]:
        servers = [s for s in sdk.compute.servers() if marked(spec, cluster, s.metadata)]
        listed = {server.name for server in servers}
        found = {
            server.name: Provisioning.UNKNOWN if server.launched_at else Provisioning.UNPROVISIONED
            for server in servers
        }
        if listed.issuperset(names):
            return found
        ports = sdk.network.ports(project_id=sdk.session.get_project_id())
        used = {p.name: p.device_id for p in ports if p.device_id and ours(spec, cluster, p)}
        hidden = [name for name in set(names) & set(used) - listed if state_of(sdk, used[name])]
        return found | dict.fromkeys(hidden, Provisioning.UNKNOWN)

    there = await cloud.ask("list the machines", look)
    return {name: there.get(name, Provisioning.ABSENT) for name in names}


def _has(cluster: str, contract: Mapping[str, Any], sdk: Connection) -> bool:
    """Return whether the project has the network of a state, or any resource with the cluster's tags.

    A network that other projects share with this one does not count.
    """
    project, recorded = sdk.session.get_project_id(), contract.get("network")
    network = sdk.network.find_network(recorded["id"]) if recorded else None
    if network is not None and network.project_id == project:
        return True
    tags = {f"{CLUSTER}={cluster}"} | ({f"{SPEC}={contract['spec']}"} if contract.get("spec") else set())
    network_api = sdk.network
    lists = (network_api.security_groups, network_api.networks, network_api.routers, network_api.ips)
    return any(tags <= set(thing.tags or ()) for listed in lists for thing in listed(project_id=project))
