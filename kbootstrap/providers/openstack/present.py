"""Finds the existing resources of a cluster by tags and metadata, and server groups by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from kbootstrap.providers.cloud.needs import Present
from kbootstrap.providers.openstack.names import is_group, marked, ours, owner
from kbootstrap.spec.model import Cluster, Spec

if TYPE_CHECKING:
    from openstack.connection import Connection

_NEUTRONS = frozenset({"network:dhcp", "network:distributed"})
"""Owners of the ports that Neutron itself creates in every network."""

_UNUSED = frozenset({"available", "error"})
"""States of a volume that no machine uses and that the cloud does not change at the moment."""
_CREATION = timedelta(minutes=1)
"""A volume cannot be attached, formatted, used and detached in so short a time after its creation."""
_RULE = re.compile(r"\S+->(control_plane|agents|bastion)-[a-z]+-\d+(-\d+)?")
_INTERFACE = "_interface"
"""Part of the owner of a router's port in a subnet: `network:router_interface`, `…_interface_distributed`,
`network:ha_router_replicated_interface`; the external port is `network:router_gateway`."""


@dataclass(frozen=True, slots=True)
class PresentResources:
    """Resources of one cluster, as SDK objects.

    `untagged_networks` are networks with the cluster's name but without its tags.
    """

    servers: tuple[Any, ...]
    networks: tuple[Any, ...]
    subnets: tuple[Any, ...]
    routers: tuple[Any, ...]
    ports: tuple[Any, ...]
    floating_ips: tuple[Any, ...]
    security_groups: tuple[Any, ...]
    server_groups: tuple[Any, ...]
    load_balancers: tuple[Any, ...]
    volumes: tuple[Any, ...]
    untagged_networks: tuple[Any, ...]
    interfaces: tuple[Any, ...] = ()
    """Ports of its routers in subnets; only set by `unrecorded`."""
    rules: tuple[Any, ...] = ()
    """Rules of its security groups as dicts of the API; only set by `unrecorded`."""

    def present(self) -> Present:
        """Return the counts that `needs` subtracts."""
        groups = [group.security_group_rules or () for group in self.security_groups]
        rules = sum(rule.get("direction") != "egress" for group in groups for rule in group)
        ports = sum(port.device_owner not in _NEUTRONS for port in self.ports)
        counts = {
            "networks": len(self.networks),
            "subnets": len(self.subnets),
            "routers": len(self.routers),
            "ports": ports,
            "floating_ips": len(self.floating_ips),
            "security_groups": len(self.security_groups),
            "security_group_rules": rules,
            "server_groups": len(self.server_groups),
            "load_balancers": len(self.load_balancers),
        }
        volumes = {volume.name: volume.size for volume in self.volumes}
        return Present(frozenset(server.name for server in self.servers), counts, volumes)

    def unrecorded(self, ours: Callable[[Any], bool], known: Collection[str]) -> PresentResources:
        """Return unused resources that certainly belong to the cluster and are not among the IDs `known`.

        Does not include machines, and only those volumes that were never attached.
        """

        def lost(things: Iterable[Any]) -> tuple[Any, ...]:
            return tuple(thing for thing in things if thing.id not in known and ours(thing))

        in_use = {p.network_id for p in self.ports if (p.device_owner or "").startswith("compute:")}
        networks = tuple(network for network in lost(self.networks) if network.id not in in_use)
        routers = {router.id for router in self.routers}
        inside = {network.id for network in networks}
        return PresentResources(
            servers=(),
            networks=networks,
            subnets=tuple(subnet for subnet in lost(self.subnets) if subnet.network_id not in inside),
            routers=lost(self.routers),
            ports=tuple(port for port in lost(self.ports) if not port.device_id),
            floating_ips=lost(self.floating_ips),
            security_groups=lost(self.security_groups),
            server_groups=(),
            load_balancers=lost(self.load_balancers),
            volumes=tuple(v for v in self.volumes if v.id not in known and never_attached(v)),
            untagged_networks=(),
            interfaces=tuple(
                port
                for port in self.ports
                if port.device_id in routers and _INTERFACE in port.device_owner and port.id not in known
            ),
            rules=tuple(
                rule
                for group in self.security_groups
                for rule in group.security_group_rules or ()
                if group.id in known and rule["id"] not in known and _is_own(rule)
            ),
        )


def _is_own(rule: Mapping[str, Any]) -> bool:
    """Return whether the module `security` created a rule: its key is the description (`rules.tf`)."""
    return bool(_RULE.fullmatch(rule.get("description") or ""))


def never_attached(volume: Any) -> bool:  # noqa: ANN401 - a volume of either version of the API
    """Return whether a volume is certainly empty: no machine uses it, and none ever did.

    Cinder keeps no record of earlier attachments, but each one changes `updated_at`. A volume that did not
    change after its first minute was only created.
    """
    if volume.attachments or (volume.status or "").lower() not in _UNUSED:
        return False
    try:
        made, changed = (datetime.fromisoformat(str(one)) for one in (volume.created_at, volume.updated_at))
    except ValueError:
        return False
    return changed - made < _CREATION


def find(
    sdk: Connection, spec: Spec, cluster: Cluster, *, balancers: bool, storage: bool = True
) -> PresentResources:
    """Find all resources of a cluster. `balancers` False skips Octavia, `storage` False Cinder. Blocks."""
    name, project = owner(spec, cluster), sdk.session.get_project_id()

    def own(things: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(thing for thing in things if ours(spec, cluster, thing))

    servers = [server for server in sdk.compute.servers() if marked(spec, cluster, server.metadata)]
    named_networks = list(sdk.network.networks(project_id=project))
    networks = own(named_networks)
    mine, inside = {server.id for server in servers}, {network.id for network in networks}
    ports = {
        port.id: port
        for port in sdk.network.ports(project_id=project)
        if port.network_id in inside or port.device_id in mine or ours(spec, cluster, port)
    }
    addresses = [
        ip for ip in sdk.network.ips(project_id=project) if ours(spec, cluster, ip) or ip.port_id in ports
    ]
    extra = storage and any(pool.volumes for pool in (cluster.control_plane, *cluster.pools))
    volumes = sdk.block_storage.volumes(details=True) if extra else ()
    loads = sdk.load_balancer.load_balancers(project_id=project) if balancers else ()
    return PresentResources(
        servers=tuple(servers),
        networks=networks,
        subnets=tuple(
            subnet for network in networks for subnet in sdk.network.subnets(network_id=network.id)
        ),
        routers=own(sdk.network.routers(project_id=project)),
        ports=tuple(ports.values()),
        floating_ips=tuple(addresses),
        security_groups=own(sdk.network.security_groups(project_id=project)),
        server_groups=tuple(
            group for group in sdk.compute.server_groups() if is_group(spec, cluster, group.name)
        ),
        load_balancers=own(load for load in loads if load.project_id == project),
        volumes=tuple(volume for volume in volumes if marked(spec, cluster, volume.metadata)),
        untagged_networks=tuple(n for n in named_networks if n.name == name and not ours(spec, cluster, n)),
    )
