"""Removes resources that are in no state: those that Kubernetes created, and those of a killed run.

Before `destroy`: load balancers of Services, because their ports block the deletion of the network. After it:
volumes of claims (which are detached once the machines are deleted), and everything with the cluster's tags
or metadata. Resources that may belong to something else are kept. Users of a resource are removed before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import TYPE_CHECKING

from kbootstrap.core.errors import CredentialsRefused, KbootstrapError
from kbootstrap.core.events import Event, Status, Type
from kbootstrap.providers.cloud.waiting import GONE, CancellableWait, state
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.model import DestroyPreview
from kbootstrap.providers.openstack import credential, elastic_access
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
from kbootstrap.spec.model import Cluster, Spec

if TYPE_CHECKING:
    from openstack.block_storage.v2.volume import Volume as OldVolume
    from openstack.block_storage.v3.volume import Volume
    from openstack.connection import Connection
    from openstack.load_balancer.v2.load_balancer import LoadBalancer
    from openstack.network.v2.floating_ip import FloatingIP

_TOTAL = 1200.0
"""Seconds for one cleanup: load balancers, machines and volumes in sequence, each with its own limit."""
_CHANGING = ("PENDING_CREATE", "PENDING_UPDATE")
"""States in which Octavia refuses to delete a load balancer."""
_USED = ("DETACHING", "IN-USE")
"""States of a volume that was attached until now."""
Report = Callable[[str, str], None]


async def destroy_preview(cloud: Cloud, context: ProviderContext) -> DestroyPreview:
    """Return the resources to be removed that hold data or serve clients."""
    spec, cluster = context.spec, context.cluster
    octavia = await cloud.ask("list its services", _has_octavia)

    def look(sdk: Connection) -> DestroyPreview:
        found = find(sdk, spec, cluster, balancers=octavia)
        services = _service_load_balancers(sdk, spec, cluster, found) if octavia else []
        volumes = _all_volumes(sdk)
        return DestroyPreview(
            f"in {cloud.where}",
            {
                "machines": tuple(sorted(server.name for server in found.servers)),
                "load balancers of Services": tuple(sorted(load.name for load in services)),
                "volumes of nodes": _descriptions(v for v in volumes if marked(spec, cluster, v.metadata)),
                "volumes of claims": _descriptions(
                    v for v in volumes if _is_of_claim(owner(spec, cluster), v)
                ),
            },
        )

    return await cloud.ask("list the resources of the project", look, seconds=_TOTAL)


def _descriptions(volumes: Iterable[Volume | OldVolume]) -> tuple[str, ...]:
    return tuple(sorted(f"{volume.name or volume.id} ({volume.size} GiB)" for volume in volumes))


async def revoke(cloud: Cloud, context: ProviderContext) -> None:
    """Remove the application credential of the cluster, which also revokes its tokens.

    Runs also if the spec no longer needs one. In that case, missing permission to list it is not an error.
    """
    spec, cluster = context.spec, context.cluster

    def remove(sdk: Connection) -> None:
        for name in credential.remove(sdk, spec, cluster):
            _reporter(context)("application credential", name)
        elastic_access.forget_rules(sdk)

    try:
        await cloud.ask("remove the application credential of the cluster", remove)
    except CredentialsRefused as error:
        if credential.needs_credential(cluster) or error.code == "KB1128":
            raise


async def before_destroy(cloud: Cloud, context: ProviderContext) -> None:
    """Remove the load balancers that Kubernetes created, with the floating IPs that it created for them."""
    spec, cluster = context.spec, context.cluster

    def remove(sdk: Connection) -> None:
        found = _service_load_balancers(sdk, spec, cluster, find(sdk, spec, cluster, balancers=False))
        _remove_load_balancers(sdk, found, _reporter(context), CancellableWait(cloud.stopped))

    if await cloud.ask("list its services", _has_octavia):
        await cloud.ask("remove the load balancers of Services", remove, seconds=_TOTAL)


async def remove_unrecorded(cloud: Cloud, context: ProviderContext, known: Collection[str]) -> None:
    """Remove resources that were created but not recorded in the state. `known` has the IDs in the state.

    OpenTofu records a network some seconds after the cloud creates it, a load balancer after a minute, a
    volume when the cloud reports it as available. If the run is interrupted before, or the API becomes
    unavailable, the resource remains and occupies addresses and quota that the next run needs. An interrupted
    `destroy` has removed the security rules from the state, and the cloud refuses a second rule of the same
    kind. A volume that may have data is kept, and reported.
    """
    spec, cluster = context.spec, context.cluster
    octavia = await cloud.ask("list its services", _has_octavia)

    def remove(sdk: Connection) -> None:
        wait, report = CancellableWait(cloud.stopped), _reporter(context)
        present = find(sdk, spec, cluster, balancers=octavia)
        found = present.unrecorded(partial(ours, spec, cluster), known)
        for port in wait.each(found.interfaces):
            report("connection of router", port.device_id)
            sdk.network.remove_interface_from_router(port.device_id, None, port.id)
        _remove_marked(sdk, found, report, wait, lambda _: True)
        for subnet in wait.each(found.subnets):
            report("subnet", subnet.name)
            sdk.network.delete_subnet(subnet, ignore_missing=True)
        for rule in wait.each(found.rules):
            report("security rule", rule["description"])
            sdk.network.delete_security_group_rule(rule["id"], ignore_missing=True)
        for volume in wait.each(found.volumes):
            report("volume", volume.name)
            sdk.block_storage.delete_volume(volume.id, ignore_missing=True)
        for volume in present.volumes:
            if volume.id not in known and volume not in found.volumes and not volume.attachments:
                context.emit(_kept(context, volume))

    await cloud.ask("remove leftover resources of an earlier run", remove, seconds=_TOTAL)


async def after_destroy(cloud: Cloud, context: ProviderContext) -> None:
    """Remove volumes of claims, and everything with the cluster's tags or metadata.

    Raises `DeadlinePassed` or `KbootstrapError` (KB1134) with the names of resources that were not deleted.
    """
    spec, cluster = context.spec, context.cluster
    octavia = await cloud.ask("list its services", _has_octavia)

    def remove(sdk: Connection) -> None:
        wait = CancellableWait(cloud.stopped)
        found = find(sdk, spec, cluster, balancers=octavia)
        _remove_marked(sdk, found, _reporter(context), wait, partial(ours, spec, cluster))
        _remove_volumes(sdk, spec, cluster, _reporter(context), wait)

    await cloud.ask("remove the remaining resources of the cluster", remove, seconds=_TOTAL)


def _service_load_balancers(
    sdk: Connection, spec: Spec, cluster: Cluster, found: PresentResources
) -> list[LoadBalancer]:
    networks, project = {network.id for network in found.networks}, sdk.session.get_project_id()
    return [
        load
        for load in sdk.load_balancer.load_balancers(project_id=project)
        if load.project_id == project and _is_of_service(spec, cluster, load, networks)
    ]


def _is_of_service(spec: Spec, cluster: Cluster, load: LoadBalancer, networks: set[str]) -> bool:
    """Return whether a load balancer belongs to a Service: by the cluster's name, or by its network."""
    name = load.name or ""
    return made_by_kubernetes(spec, cluster, name) or (
        name.startswith("kube_service_") and load.vip_network_id in networks
    )


def _remove_load_balancers(
    sdk: Connection, found: Collection[LoadBalancer], report: Report, wait: CancellableWait
) -> None:
    """Remove load balancers with all children. Floating IPs that a user reserved are kept."""
    for load in wait.each(found):
        report("load balancer", load.name)
        for address in list(sdk.network.ips(port_id=load.vip_port_id)) if load.vip_port_id else ():
            if _is_of_kubernetes(address):
                sdk.network.delete_ip(address, ignore_missing=True)
        now = wait.until_settled(partial(sdk.load_balancer.find_load_balancer, load.id), _CHANGING)
        if now is not None and state(now) not in {"PENDING_DELETE", "DELETED"}:
            sdk.load_balancer.delete_load_balancer(load, ignore_missing=True, cascade=True)
    wait.until_deleted("load balancer", found, sdk.load_balancer.find_load_balancer)


def _release_floating_ips(
    sdk: Connection, found: Iterable[FloatingIP], report: Report, ours: Callable[[FloatingIP], bool]
) -> None:
    """Remove floating IPs that were created for the cluster. Those that a user reserved are only detached."""
    for address in found:
        if ours(address) or _is_of_kubernetes(address):
            report("floating IP", address.floating_ip_address)
            sdk.network.delete_ip(address, ignore_missing=True)
        else:
            # While attached to a port of the cluster, it blocks the deletion of the router.
            sdk.network.update_ip(address, port_id=None)


def _is_of_kubernetes(address: FloatingIP) -> bool:
    """Return whether the cloud controller created a floating IP for a Service."""
    return (address.description or "").startswith(SERVICE_ADDRESS)


def _remove_marked(
    sdk: Connection,
    found: PresentResources,
    report: Report,
    wait: CancellableWait,
    ours: Callable[[FloatingIP], bool],
) -> None:
    """Remove resources with the cluster's tags or metadata; users of a resource first."""
    _remove_load_balancers(sdk, found.load_balancers, report, wait)
    for server in wait.each(found.servers):
        report("machine", server.name)
        sdk.compute.delete_server(server, ignore_missing=True)
    wait.until_deleted("machine", found.servers, sdk.compute.find_server)
    _release_floating_ips(sdk, wait.each(found.floating_ips), report, ours)
    for router in wait.each(found.routers):
        for port in list(sdk.network.ports(device_id=router.id)):
            if port.device_owner != "network:router_gateway":
                sdk.network.remove_interface_from_router(router, None, port.id)
        report("router", router.name)
        sdk.network.delete_router(router, ignore_missing=True)
    own = {server.id for server in found.servers}
    for port in wait.each(found.ports):
        # Ports of DHCP are deleted with the network. Ports of machines outside the cluster are kept.
        user = port.device_owner or ""
        if not user.startswith("network:") and (not user.startswith("compute:") or port.device_id in own):
            sdk.network.delete_port(port, ignore_missing=True)
    for network in wait.each(found.networks):
        report("network", network.name)
        sdk.network.delete_network(network, ignore_missing=True)
    for group in wait.each(found.security_groups):
        report("security group", group.name)
        sdk.network.delete_security_group(group, ignore_missing=True)
    for group in wait.each(found.server_groups):
        # These have no tags, and the names for spec `a`, cluster `b-c` and spec `a-b`, cluster `c` are equal.
        now = sdk.compute.find_server_group(group.id)
        if now is not None and not now.member_ids:
            report("server group", group.name)
            sdk.compute.delete_server_group(group, ignore_missing=True)


def _all_volumes(sdk: Connection) -> list[Volume | OldVolume]:
    """Return the project's volumes; none if the cloud has no volume service."""
    return list(sdk.block_storage.volumes(details=True)) if sdk.has_service("block-storage") else []


def _is_of_claim(cluster: str, volume: Volume | OldVolume) -> bool:
    """Return whether a volume is of a claim: the storage driver sets the cluster in its metadata."""
    return bool((volume.metadata or {}).get(CSI_CLUSTER) == cluster)


def _remove_volumes(
    sdk: Connection, spec: Spec, cluster: Cluster, report: Report, wait: CancellableWait
) -> None:
    """Remove volumes that are not in the state: of claims, and of nodes of a killed run."""
    found = [
        volume
        for volume in _all_volumes(sdk)
        if _is_of_claim(owner(spec, cluster), volume) or marked(spec, cluster, volume.metadata)
    ]
    from openstack.exceptions import HttpException

    end = time.monotonic() + GONE
    failed: dict[str, str] = {}
    for volume in wait.each(found):
        report("volume", volume.name)
        wait.until_settled(partial(sdk.block_storage.find_volume, volume.id), _USED, end)
        try:
            sdk.block_storage.delete_volume(volume.id, ignore_missing=True)
        except HttpException as error:
            failed[volume.id] = f"{volume.name or volume.id} ({volume.id}): {error}"
    wait.until_deleted("volume", [v for v in found if v.id not in failed], sdk.block_storage.find_volume)
    if failed:
        raise KbootstrapError(
            f"the cloud did not delete {len(failed)} of {len(found)} volumes",
            hint="`openstack volume show ID` shows what uses a volume; then run `kbootstrap destroy` again",
            detail="\n".join(failed.values()),
            code="KB1134",
        )


def _kept(context: ProviderContext, volume: Volume | OldVolume) -> Event:
    detail = (
        f"the volume {volume.name} ({volume.id}) is not in the state and may have data, so it is kept; "
        f"`openstack volume delete {volume.id}` removes it"
    )
    return Event(type=Type.DIAGNOSTIC, cluster=context.space.cluster, detail=detail)


def _has_octavia(sdk: Connection) -> bool:
    return bool(sdk.has_service("load-balancer"))


def _reporter(context: ProviderContext) -> Report:
    """Return a function that reports the removal of a resource. It is called in a thread."""

    def report(kind: str, name: str) -> None:
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

    return report
