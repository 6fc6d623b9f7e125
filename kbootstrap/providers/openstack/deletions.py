"""How the cloud is asked to delete one resource, by type; each answers how far the deletion is.

A question can be repeated: it looks, and asks for the deletion unless that is in progress. Networking deletes
while it answers. Nova, Octavia and Cinder only begin to, and show it in the resource's state from then on.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from kbootstrap.providers.cloud.waiting import deleted, state

if TYPE_CHECKING:
    from openstack.block_storage.v3.volume import Volume
    from openstack.compute.v2.server import Server
    from openstack.connection import Connection
    from openstack.load_balancer.v2.load_balancer import LoadBalancer

T = TypeVar("T")


class Progress(enum.Enum):
    """How far the deletion of a resource is."""

    GONE = enum.auto()
    LISTED = enum.auto()
    """It is deleted, and the cloud shows it for another while: a machine that could be restored, for days."""
    GOING = enum.auto()
    """The cloud deletes it, or changes it and will then let it be deleted."""
    ASKED = enum.auto()
    """The deletion was requested or refused; whether the cloud carries it out is not known yet."""


Deletion = Callable[["Connection", str, Callable[[], None]], Progress]
"""Takes the SDK, an ID, and a function that raises, before a change, if the caller was cancelled."""


def _direct(delete: Callable[[Connection], Callable[..., object]]) -> Deletion:
    """Return the deletion of a resource that is gone when the cloud answers."""

    def go(sdk: Connection, one: str, check: Callable[[], None]) -> Progress:
        check()
        delete(sdk)(one, ignore_missing=True)
        return Progress.GONE

    return go


def _begun(
    get: Callable[[Connection], Callable[[str], Any]],
    delete: Callable[[Connection], Callable[..., object]],
    shown: Callable[[Any], Progress],
    **options: bool,
) -> Deletion:
    """Return the deletion of a resource that the cloud only begins to delete.

    `shown` reads the progress from the resource: `ASKED` if the deletion has to be requested.
    """

    def go(sdk: Connection, one: str, check: Callable[[], None]) -> Progress:
        found = _found(get(sdk), one)
        progress = Progress.GONE if found is None else shown(found)
        if progress is Progress.ASKED:
            check()
            delete(sdk)(one, ignore_missing=True, **options)
        return progress

    return go


def _of_machine(server: Server) -> Progress:
    if deleted(server):
        return Progress.LISTED
    return Progress.GOING if server.task_state in {"deleting", "soft-deleting"} else Progress.ASKED


def _of_load_balancer(load: LoadBalancer) -> Progress:
    if deleted(load):
        return Progress.GONE
    return Progress.GOING if state(load).startswith("PENDING_") else Progress.ASKED


def _of_volume(volume: Volume) -> Progress:
    """Read the progress of a volume, whose deletion the cloud refuses until its machine is gone."""
    if deleted(volume):
        return Progress.GONE
    return Progress.GOING if state(volume) == "DELETING" else Progress.ASKED


def _router_interface(sdk: Connection, one: str, check: Callable[[], None]) -> Progress:
    """Disconnect a router; the ID of a connection is that of its port."""
    port = _found(sdk.network.get_port, one)
    if port is None:
        return Progress.GONE
    check()
    sdk.network.remove_interface_from_router(port.device_id, None, port.id)
    return Progress.GONE


def _found(get: Callable[[str], T], one: str) -> T | None:
    from openstack.exceptions import NotFoundException

    try:
        return get(one)
    except NotFoundException:
        return None


MACHINES = "openstack_compute_instance_v2"
SERVER_GROUPS = "openstack_compute_servergroup_v2"
VOLUMES = "openstack_blockstorage_volume_v3"
LOAD_BALANCERS = "openstack_lb_loadbalancer_v2"
FLOATING_IPS = "openstack_networking_floatingip_v2"
INTERFACES = "openstack_networking_router_interface_v2"
ROUTERS = "openstack_networking_router_v2"
PORTS = "openstack_networking_port_v2"
SUBNETS = "openstack_networking_subnet_v2"
SECURITY_GROUPS = "openstack_networking_secgroup_v2"

DELETIONS: dict[str, tuple[str, Deletion]] = {
    MACHINES: (
        "machines",
        _begun(lambda sdk: sdk.compute.get_server, lambda sdk: sdk.compute.delete_server, _of_machine),
    ),
    SERVER_GROUPS: ("server groups", _direct(lambda sdk: sdk.compute.delete_server_group)),
    VOLUMES: (
        "volumes",
        _begun(
            lambda sdk: sdk.block_storage.get_volume, lambda sdk: sdk.block_storage.delete_volume, _of_volume
        ),
    ),
    LOAD_BALANCERS: (
        "load balancers",
        _begun(
            lambda sdk: sdk.load_balancer.get_load_balancer,
            lambda sdk: sdk.load_balancer.delete_load_balancer,
            _of_load_balancer,
            cascade=True,  # with its listeners, pools, members and monitors
        ),
    ),
    FLOATING_IPS: ("floating IPs", _direct(lambda sdk: sdk.network.delete_ip)),
    INTERFACES: ("connections of routers", _router_interface),
    ROUTERS: ("routers", _direct(lambda sdk: sdk.network.delete_router)),
    PORTS: ("ports", _direct(lambda sdk: sdk.network.delete_port)),
    SUBNETS: ("subnets", _direct(lambda sdk: sdk.network.delete_subnet)),
    SECURITY_GROUPS: ("security groups", _direct(lambda sdk: sdk.network.delete_security_group)),
}
"""What a type is called, and its deletion. Types that are not here are left to OpenTofu."""
