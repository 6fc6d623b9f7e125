"""What a project has in a cloud, and how to get rid of it, in the order that the services accept."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

_DEADLINE_SECONDS = 300.0
_NOT_OWN_PORTS = ("network:", "compute:")
"""Owners (`device_owner`) of ports that go with something else: routers, DHCP, floating IPs, machines."""


@dataclass(frozen=True, slots=True, order=True)
class Resource:
    """One thing in a project; `kind` is in singular, like `floating IP`."""

    kind: str
    name: str
    id: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """How things of one kind are found and deleted by an administrator's connection."""

    name: str
    find: Callable[[Any, str, str], Iterator[Any]]
    delete: Callable[[Any, Any], object]


def resources(admin: Any, project: str, user: str) -> tuple[Resource, ...]:
    """Return everything in a project, sorted; `user` is whose key pairs count."""
    return tuple(
        sorted(
            Resource(kind.name, getattr(found, "name", None) or "", str(found.id))
            for kind in _KINDS
            for found in kind.find(admin, project, user)
        )
    )


def purge(admin: Any, project: str, user: str) -> None:
    """Delete everything in a project, again and again until nothing is left. Raises `TimeoutError`."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    refusals: list[str] = []
    while left := resources(admin, project, user):
        if time.monotonic() > deadline:
            names = ", ".join(f"{it.kind} {it.name or it.id}" for it in left)
            raise TimeoutError(f"these do not go away: {names} ({'; '.join(refusals)})")
        refusals = [
            refusal
            for kind in _KINDS
            for found in list(kind.find(admin, project, user))
            if (refusal := _delete(kind, admin, found))
        ]
        time.sleep(1)


def delete_default_groups(admin: Any, project: str) -> None:
    """Delete the security group `default` that Neutron makes for each project."""
    for group in admin.network.security_groups(project_id=project):
        admin.network.delete_security_group(group, ignore_missing=True)


def _delete(kind: _Kind, admin: Any, found: Any) -> str:
    """Delete one thing; return why not, which may only be that something else must go first."""
    from openstack.exceptions import SDKException

    try:
        kind.delete(admin, found)
    except SDKException as error:
        return f"{kind.name}: {error}"
    return ""


def _load_balancers(admin: Any, project: str, _: str) -> Iterator[Any]:
    return (it for it in admin.load_balancer.load_balancers(project_id=project) if it.project_id == project)


def _servers(admin: Any, project: str, _: str) -> Iterator[Any]:
    return (
        it for it in admin.compute.servers(all_projects=True, project_id=project) if it.project_id == project
    )


def _server_groups(admin: Any, project: str, _: str) -> Iterator[Any]:
    return (it for it in admin.compute.server_groups(all_projects=True) if it.project_id == project)


def _key_pairs(admin: Any, _: str, user: str) -> Iterator[Any]:
    for pair in admin.compute.keypairs(user_id=user):
        pair.user_id = user
        yield pair


def _volumes(admin: Any, project: str, _: str) -> Iterator[Any]:
    return (it for it in admin.block_storage.volumes(all_projects=True) if it.project_id == project)


def _snapshots(admin: Any, project: str, _: str) -> Iterator[Any]:
    return (it for it in admin.block_storage.snapshots(all_projects=True) if it.project_id == project)


def _images(admin: Any, project: str, _: str) -> Iterator[Any]:
    return (it for it in admin.image.images(owner=project) if it.owner == project)


def _network(plural: str) -> Callable[[Any, str, str], Iterator[Any]]:
    def find(admin: Any, project: str, _: str) -> Iterator[Any]:
        return iter(getattr(admin.network, plural)(project_id=project))

    return find


def _groups(admin: Any, project: str, _: str) -> Iterator[Any]:
    return (it for it in admin.network.security_groups(project_id=project) if it.name != "default")


def _delete_router(admin: Any, router: Any) -> None:
    admin.network.update_router(router, routes=[])
    for port in admin.network.ports(device_id=router.id):
        if port.device_owner == "network:router_interface":
            admin.network.remove_interface_from_router(router, port_id=port.id)
    admin.network.delete_router(router)


def _delete_key_pair(admin: Any, pair: Any) -> None:
    # The SDK's own call leaves the user out and looks among the administrator's.
    url = f"/os-keypairs/{quote(pair.name, safe='')}?user_id={pair.user_id}"
    exceptions: Any = importlib.import_module("openstack.exceptions")
    exceptions.raise_from_response(admin.compute.delete(url, microversion="2.10"))


def _delete_port(admin: Any, port: Any) -> None:
    if not (port.device_owner or "").startswith(_NOT_OWN_PORTS):
        admin.network.delete_port(port)


_KINDS = (
    _Kind(
        "load balancer", _load_balancers, lambda c, it: c.load_balancer.delete_load_balancer(it, cascade=True)
    ),
    _Kind("server", _servers, lambda c, it: c.compute.delete_server(it)),
    _Kind("floating IP", _network("ips"), lambda c, it: c.network.delete_ip(it)),
    _Kind("server group", _server_groups, lambda c, it: c.compute.delete_server_group(it)),
    _Kind("key pair", _key_pairs, _delete_key_pair),
    _Kind("snapshot", _snapshots, lambda c, it: c.block_storage.delete_snapshot(it)),
    _Kind("volume", _volumes, lambda c, it: c.block_storage.delete_volume(it)),
    _Kind("router", _network("routers"), _delete_router),
    _Kind("port", _network("ports"), _delete_port),
    _Kind("subnet", _network("subnets"), lambda c, it: c.network.delete_subnet(it)),
    _Kind("network", _network("networks"), lambda c, it: c.network.delete_network(it)),
    _Kind("security group", _groups, lambda c, it: c.network.delete_security_group(it)),
    _Kind("image", _images, lambda c, it: c.image.delete_image(it)),
)
"""In the order of deletion."""
