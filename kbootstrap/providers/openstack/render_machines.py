"""Renders the machines of the root module: shared values, pools, bastion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.core.errors import SpecInvalid
from kbootstrap.providers.openstack.settings import BastionMachine, settings, ssh_user
from kbootstrap.render.hcl import Block, Comment, Item, Raw, Value, document
from kbootstrap.render.root import machines, module_name
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Node, Pool, Spec
from kbootstrap.spec.topology import endpoint_address


def shared(spec: Spec, cluster: Cluster, lock: Lock) -> str:
    """Return `cluster.tf`: names, and values that all machines share."""
    chosen = settings(cluster)
    volume = chosen.boot_volume
    machine: list[Item] = [
        Comment(f"Image {chosen.image_name}, as the lock file pins it." if chosen.image_name else ""),
        {"image_id": image_id(spec, cluster, lock)},
        {
            "boot_volume": {key: value for key, value in asdict(volume).items() if value is not None}
            if volume
            else None,
            "availability_zones": list(chosen.availability_zones),
        },
        {"ssh_user": ssh_user(cluster), "key_pair": chosen.key_pair},
    ]
    return document(
        Block("locals", body={"cluster": {"spec": spec.name, "name": cluster.name}}),
        Comment("What all machines have in common."),
        Block("locals", body=machine),
    )


def image_id(spec: Spec, cluster: Cluster, lock: Lock) -> str:
    """Return the ID of the cluster's image. Raises `SpecInvalid` (KB0353) for a name without a pin."""
    chosen = settings(cluster)
    pinned = lock.image_id(cluster.name, chosen.image_name) if chosen.image_name else chosen.image_id
    if pinned is None:
        problem = Diagnostic(
            "KB0353",
            f"The lock file has no ID for image {chosen.image_name} of cluster {cluster.name}, and rendering "
            "does not use the network.",
            f"Run `kbootstrap lock {spec.path}` once, and commit the lock file.",
            spec.source.value(("clusters", cluster.name, "provider", "openstack", "image", "name")),
        )
        raise SpecInvalid(f"an image of {spec.path} is not pinned yet", code="KB0353", diagnostics=(problem,))
    return pinned


def pool(cluster: Cluster, wanted: Pool, nodes: Sequence[Node]) -> str:
    """Return the file of one pool, or of the control plane."""
    server = wanted is cluster.control_plane
    subnet, group = ("control_plane", "control_plane") if server else ("agents", "agents")
    shares = cluster.api.endpoint == "virtual_ip"
    about: dict[str, Value] = {
        "role": "server" if server else "agent",
        "pool": wanted.born,
        "flavor": wanted.flavor,
        "anti_affinity": wanted.anti_affinity,
    }
    return document(
        Block(
            "module",
            module_name(cluster, wanted),
            body=[
                {"source": "../modules/openstack/nodes", "cluster": Raw("local.cluster")},
                _network_settings(subnet, group),
                *([{"shared_addresses": [str(endpoint_address(cluster))]}] if server and shares else []),
                about,
                {"nodes": {node.name: _node(cluster, node) for node in nodes}},
                *([{"volumes": volumes}] if (volumes := _volumes(wanted)) else []),
                _machine_settings(),
            ],
        ),
        machines(cluster, wanted),
    )


def frozen(cluster: Cluster, wanted: Pool, nodes: Sequence[Node], flavors: Mapping[str, str]) -> Block:
    """Return the override block of a pool that keeps these flavors of nodes."""
    kept = {name: {"flavor": flavor} for name, flavor in flavors.items()}
    every = {node.name: {**_node(cluster, node), **kept.get(node.name, {})} for node in nodes}
    return Block("module", module_name(cluster, wanted), body=[{"nodes": every}])


def bastion(cluster: Cluster, chosen: BastionMachine) -> str:
    """Return `bastion.tf`."""
    return document(
        Comment(f"SSH to the nodes of cluster {cluster.name} goes through this machine."),
        Block(
            "module",
            "bastion",
            body=[
                {"source": "../modules/openstack/bastion", "cluster": Raw("local.cluster")},
                _network_settings("control_plane", "bastion"),
                {"flavor": chosen.flavor},
                _machine_settings(),
            ],
        ),
    )


def _node(cluster: Cluster, node: Node) -> dict[str, Value]:
    """Return one node. The first server has a floating IP if it serves API or SSH."""
    exposed = settings(cluster).bastion == "server" or cluster.api.endpoint == "floating_ip"
    public = node.role == "server" and node.ordinal == 1 and exposed
    return {"address": str(node.address), **({"public": True} if public else {})}


def _volumes(wanted: Pool) -> dict[str, Value]:
    """Return the pool's extra volumes. Mount points are not part of the infrastructure."""
    return {
        volume.name: {"size_gib": volume.size_gib, **({"type": volume.type} if volume.type else {})}
        for volume in wanted.volumes
    }


def _network_settings(subnet: str, group: str) -> dict[str, Value]:
    return {
        "network": Raw("module.network.network"),
        "subnet_id": Raw(f"module.network.subnets.{subnet}"),
        "external_network": Raw("module.network.external_network"),
        "router_interfaces": Raw("module.network.router_interfaces"),
        "security_group_ids": [Raw(f"module.security.groups.{group}")],
    }


def _machine_settings() -> dict[str, Value]:
    return {
        "image_id": Raw("local.image_id"),
        "boot_volume": Raw("local.boot_volume"),
        "availability_zones": Raw("local.availability_zones"),
        "ssh_user": Raw("local.ssh_user"),
        "ssh_authorized_keys": Raw("var.ssh_authorized_keys"),
        "key_pair": Raw("local.key_pair"),
    }
