"""Removes what no state knows: what Kubernetes made inside the cluster, and what a killed run left behind.

Before `destroy`: load balancers of Services, because their ports hold the network. After it: volumes of
claims (they are free once the machines are gone), and everything with the cluster's marks. What is not
certainly this cluster's stays. Order: what uses something goes before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import TYPE_CHECKING

from kbootstrap.core.errors import CredentialsRefused, KbootstrapError
from kbootstrap.core.events import Event, Status, Type
from kbootstrap.providers.cloud.waiting import GONE, Pass, state
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.model import DestroyPreview
from kbootstrap.providers.openstack import credential
from kbootstrap.providers.openstack.connection import Cloud
from kbootstrap.providers.openstack.names import (
    CSI_CLUSTER,
    SERVICE_ADDRESS,
    made_by_kubernetes,
    marked,
    ours,
    owner,
)
from kbootstrap.providers.openstack.present import PresentResources, find
from kbootstrap.providers.openstack.settings import settings
from kbootstrap.spec.model import Cluster, Spec

if TYPE_CHECKING:
    from openstack.block_storage.v2.volume import Volume as OldVolume
    from openstack.block_storage.v3.volume import Volume
    from openstack.connection import Connection
    from openstack.load_balancer.v2.load_balancer import LoadBalancer
    from openstack.network.v2.floating_ip import FloatingIP

_TOTAL = 1200.0
"""Seconds for one pass: load balancers, machines and volumes one after the other, each with its own limit."""
_CHANGING = ("PENDING_CREATE", "PENDING_UPDATE")
"""States in which Octavia refuses to remove a load balancer."""
_USED = ("DETACHING", "IN-USE")
"""States of a volume that machines had until now."""
_SLOW = "This takes a minute or more: the provider needs at least 5 s for each of the {} security rules."
Tell = Callable[[str, str], None]


async def destroy_preview(cloud: Cloud, context: ProviderContext) -> DestroyPreview:
    """Return what a removal takes away that holds data or serves clients."""
    spec, cluster = context.spec, context.cluster
    octavia = await cloud.ask("tell which services it has", _has_octavia)

    def look(sdk: Connection) -> DestroyPreview:
        found = find(sdk, spec, cluster, balancers=octavia)
        services = _of_services(sdk, spec, cluster, found) if octavia else []
        volumes = _all_volumes(sdk)
        return DestroyPreview(
            f"in {cloud.where}",
            {
                "machines": tuple(sorted(server.name for server in found.servers)),
                "load balancers of Services": tuple(sorted(load.name for load in services)),
                "volumes of nodes": _named(v for v in volumes if marked(spec, cluster, v.metadata)),
                "volumes of claims": _named(v for v in volumes if _of_claims(owner(spec, cluster), v)),
            },
            _SLOW.format(rules) if (rules := found.present().counts["security_group_rules"]) else "",
        )

    return await cloud.ask("show what is in the project", look, seconds=_TOTAL)


def _named(volumes: Iterable[Volume | OldVolume]) -> tuple[str, ...]:
    return tuple(sorted(f"{volume.name or volume.id} ({volume.size} GiB)" for volume in volumes))


async def revoke(cloud: Cloud, context: ProviderContext) -> None:
    """Remove the application credential that was made for the cluster, and thereby its tokens.

    Also where the spec wants none any more; a cloud that then shows none to this user stops nothing.
    """
    spec, cluster = context.spec, context.cluster

    def remove(sdk: Connection) -> None:
        for name in credential.remove(sdk, spec, cluster):
            _telling(context)("application credential", name)

    try:
        await cloud.ask("tell and remove the application credential of the cluster", remove)
    except CredentialsRefused as error:
        if settings(cluster).needs_credential or error.code == "KB1128":
            raise


async def before(cloud: Cloud, context: ProviderContext) -> None:
    """Remove the load balancers that Kubernetes made, with the floating IPs that it made for them."""
    spec, cluster = context.spec, context.cluster

    def remove(sdk: Connection) -> None:
        found = _of_services(sdk, spec, cluster, find(sdk, spec, cluster, balancers=False))
        _balancers(sdk, found, _telling(context), Pass(cloud.stopped))

    if await cloud.ask("tell which services it has", _has_octavia):
        await cloud.ask("remove the load balancers of Services", remove, seconds=_TOTAL)


async def unnoted(cloud: Cloud, context: ProviderContext, known: Collection[str]) -> None:
    """Remove what was made and not noted: `known` are the IDs in the state.

    The provider notes a network only seconds after the cloud made it, a load balancer after a minute; a run
    that is cut before, or an API that goes away, leaves it there, with addresses that are wanted again.
    """
    spec, cluster = context.spec, context.cluster
    octavia = await cloud.ask("tell which services it has", _has_octavia)

    def remove(sdk: Connection) -> None:
        one, tell = Pass(cloud.stopped), _telling(context)
        found = find(sdk, spec, cluster, balancers=octavia).unnoted(partial(ours, spec, cluster), known)
        for port in one.each(found.interfaces):
            tell("connection of router", port.device_id)
            sdk.network.remove_interface_from_router(port.device_id, None, port.id)
        _left_behind(sdk, found, tell, one, lambda _: True)
        for subnet in one.each(found.subnets):
            tell("subnet", subnet.name)
            sdk.network.delete_subnet(subnet, ignore_missing=True)

    await cloud.ask("remove what an earlier run left behind", remove, seconds=_TOTAL)


async def after(cloud: Cloud, context: ProviderContext) -> None:
    """Remove volumes of claims, and everything with the cluster's marks.

    Raises `DeadlinePassed` or `KbootstrapError` (KB1134) with the names of what would not go.
    """
    spec, cluster = context.spec, context.cluster
    octavia = await cloud.ask("tell which services it has", _has_octavia)

    def remove(sdk: Connection) -> None:
        one = Pass(cloud.stopped)
        found = find(sdk, spec, cluster, balancers=octavia)
        _left_behind(sdk, found, _telling(context), one, partial(ours, spec, cluster))
        _volumes(sdk, spec, cluster, _telling(context), one)

    await cloud.ask("remove what is left of the cluster", remove, seconds=_TOTAL)


def _of_services(
    sdk: Connection, spec: Spec, cluster: Cluster, found: PresentResources
) -> list[LoadBalancer]:
    networks, project = {network.id for network in found.networks}, sdk.session.get_project_id()
    return [
        load
        for load in sdk.load_balancer.load_balancers(project_id=project)
        if load.project_id == project and _of_a_service(spec, cluster, load, networks)
    ]


def _of_a_service(spec: Spec, cluster: Cluster, load: LoadBalancer, networks: set[str]) -> bool:
    """Return whether a load balancer is a Service's: by the cluster's name, or on the cluster's network."""
    name = load.name or ""
    return made_by_kubernetes(spec, cluster, name) or (
        name.startswith("kube_service_") and load.vip_network_id in networks
    )


def _balancers(sdk: Connection, found: Collection[LoadBalancer], tell: Tell, one: Pass) -> None:
    """Remove load balancers with everything in them. An address that somebody reserved only becomes free."""
    for load in one.each(found):
        tell("load balancer", load.name)
        for address in list(sdk.network.ips(port_id=load.vip_port_id)) if load.vip_port_id else ():
            if _of_kubernetes(address):
                sdk.network.delete_ip(address, ignore_missing=True)
        now = one.settled(partial(sdk.load_balancer.find_load_balancer, load.id), _CHANGING)
        if now is not None and state(now) not in {"PENDING_DELETE", "DELETED"}:
            sdk.load_balancer.delete_load_balancer(load, ignore_missing=True, cascade=True)
    one.gone("load balancer", found, sdk.load_balancer.find_load_balancer)


def _addresses(
    sdk: Connection, found: Iterable[FloatingIP], tell: Tell, ours: Callable[[FloatingIP], bool]
) -> None:
    """Remove floating IPs that were made for the cluster; one that somebody reserved leads nowhere then."""
    for address in found:
        if ours(address) or _of_kubernetes(address):
            tell("floating IP", address.floating_ip_address)
            sdk.network.delete_ip(address, ignore_missing=True)
        else:
            # It holds the router as long as it leads to one of the cluster's ports.
            sdk.network.update_ip(address, port_id=None)


def _of_kubernetes(address: FloatingIP) -> bool:
    """Return whether the cloud controller made a floating IP for a Service."""
    return (address.description or "").startswith(SERVICE_ADDRESS)


def _left_behind(
    sdk: Connection, found: PresentResources, tell: Tell, one: Pass, ours: Callable[[FloatingIP], bool]
) -> None:
    """Remove what carries the cluster's marks, in the order of use."""
    _balancers(sdk, found.load_balancers, tell, one)
    for server in one.each(found.servers):
        tell("machine", server.name)
        sdk.compute.delete_server(server, ignore_missing=True)
    one.gone("machine", found.servers, sdk.compute.find_server)
    _addresses(sdk, one.each(found.floating_ips), tell, ours)
    for router in one.each(found.routers):
        for port in list(sdk.network.ports(device_id=router.id)):
            if port.device_owner != "network:router_gateway":
                sdk.network.remove_interface_from_router(router, None, port.id)
        tell("router", router.name)
        sdk.network.delete_router(router, ignore_missing=True)
    own = {server.id for server in found.servers}
    for port in one.each(found.ports):
        # Ports of DHCP and the like go with the network; those of other people's machines stay.
        user = port.device_owner or ""
        if not user.startswith("network:") and (not user.startswith("compute:") or port.device_id in own):
            sdk.network.delete_port(port, ignore_missing=True)
    for network in one.each(found.networks):
        tell("network", network.name)
        sdk.network.delete_network(network, ignore_missing=True)
    for group in one.each(found.security_groups):
        tell("security group", group.name)
        sdk.network.delete_security_group(group, ignore_missing=True)
    for group in one.each(found.server_groups):
        # These carry no marks, and spec `a` with cluster `b-c` names them like spec `a-b` with cluster `c`.
        now = sdk.compute.find_server_group(group.id)
        if now is not None and not now.member_ids:
            tell("server group", group.name)
            sdk.compute.delete_server_group(group, ignore_missing=True)


def _all_volumes(sdk: Connection) -> list[Volume | OldVolume]:
    """Return the project's volumes; none where the cloud has no such service."""
    return list(sdk.block_storage.volumes(details=True)) if sdk.has_service("block-storage") else []


def _of_claims(cluster: str, volume: Volume | OldVolume) -> bool:
    """Tell the volumes of claims: the storage driver writes the cluster's name into their metadata."""
    return bool((volume.metadata or {}).get(CSI_CLUSTER) == cluster)


def _volumes(sdk: Connection, spec: Spec, cluster: Cluster, tell: Tell, one: Pass) -> None:
    """Remove volumes that the state does not know: of claims, and of nodes that a killed run made."""
    found = [
        volume
        for volume in _all_volumes(sdk)
        if _of_claims(owner(spec, cluster), volume) or marked(spec, cluster, volume.metadata)
    ]
    from openstack.exceptions import HttpException

    end = time.monotonic() + GONE
    failed: dict[str, str] = {}
    for volume in one.each(found):
        tell("volume", volume.name)
        one.settled(partial(sdk.block_storage.find_volume, volume.id), _USED, end)
        try:
            sdk.block_storage.delete_volume(volume.id, ignore_missing=True)
        except HttpException as error:
            failed[volume.id] = f"{volume.name or volume.id} ({volume.id}): {error}"
    one.gone("volume", [v for v in found if v.id not in failed], sdk.block_storage.find_volume)
    if failed:
        raise KbootstrapError(
            f"the cloud did not remove {len(failed)} of {len(found)} volumes",
            hint="`openstack volume show ID` tells what holds one; then run `kbootstrap destroy` again",
            detail="\n".join(failed.values()),
            code="KB1134",
        )


def _has_octavia(sdk: Connection) -> bool:
    return bool(sdk.has_service("load-balancer"))


def _telling(context: ProviderContext) -> Tell:
    """Return what says that something is removed now; called in a thread."""

    def tell(kind: str, name: str) -> None:
        detail = f"{kind} {name}"
        context.emit(
            Event(
                type=Type.STEP,
                cluster=context.space.cluster,
                step="left over",
                status=Status.WAITING,
                detail=detail,
            )
        )

    return tell
