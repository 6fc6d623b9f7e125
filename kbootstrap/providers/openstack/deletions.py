"""How the cloud is asked to delete one resource, by type; each answers how far the deletion is.

A question can be repeated: it looks, and asks for the deletion unless that is in progress. Networking deletes
while it answers. Nova, Octavia and Cinder only begin to, and show it in the resource's state from then on.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from kbootstrap.providers.cloud.waiting import deleted, state

if TYPE_CHECKING:
    from openstack.connection import Connection

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


def _machine(sdk: Connection, one: str, check: Callable[[], None]) -> Progress:
    server = _found(sdk.compute.get_server, one)
    if server is None:
        return Progress.GONE
    if deleted(server):
        return Progress.LISTED
    if server.task_state in {"deleting", "soft-deleting"}:
        return Progress.GOING
    check()
    sdk.compute.delete_server(one, ignore_missing=True)
    return Progress.ASKED


def _load_balancer(sdk: Connection, one: str, check: Callable[[], None]) -> Progress:
    """Delete a load balancer with its listeners, pools, members and monitors."""
    load = _found(sdk.load_balancer.get_load_balancer, one)
    if load is None or deleted(load):
        return Progress.GONE
    if state(load).startswith("PENDING_"):
        return Progress.GOING
    check()
    sdk.load_balancer.delete_load_balancer(one, ignore_missing=True, cascade=True)
    return Progress.ASKED


def _volume(sdk: Connection, one: str, check: Callable[[], None]) -> Progress:
    """Delete a volume; the cloud refuses that until its machine is gone."""
    volume = _found(sdk.block_storage.get_volume, one)
    if volume is None or deleted(volume):
        return Progress.GONE
    if state(volume) == "DELETING":
        return Progress.GOING
    check()
    sdk.block_storage.delete_volume(one, ignore_missing=True)
    return Progress.ASKED


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
    MACHINES: ("machines", _machine),
    SERVER_GROUPS: ("server groups", _direct(lambda sdk: sdk.compute.delete_server_group)),
    VOLUMES: ("volumes", _volume),
    LOAD_BALANCERS: ("load balancers", _load_balancer),
    FLOATING_IPS: ("floating IPs", _direct(lambda sdk: sdk.network.delete_ip)),
    INTERFACES: ("connections of routers", _router_interface),
    ROUTERS: ("routers", _direct(lambda sdk: sdk.network.delete_router)),
    PORTS: ("ports", _direct(lambda sdk: sdk.network.delete_port)),
    SUBNETS: ("subnets", _direct(lambda sdk: sdk.network.delete_subnet)),
    SECURITY_GROUPS: ("security groups", _direct(lambda sdk: sdk.network.delete_security_group)),
}
"""What a type is called, and its deletion. Types that are not here are left to OpenTofu."""
