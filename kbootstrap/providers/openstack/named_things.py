"""Checks that the cloud has the services, volume types and existing resources of a spec.

OpenTofu would fail too, but only after it has created a part of the cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from kbootstrap.core.diagnostics import SpecPath
from kbootstrap.providers.cloud.preflight import Finding, bad, good
from kbootstrap.providers.model import Check
from kbootstrap.providers.openstack.render_network import kind
from kbootstrap.providers.openstack.settings import ExistingNames, settings
from kbootstrap.spec.model import Cluster, Spec, pool_path

if TYPE_CHECKING:
    from keystoneauth1.identity.base import BaseIdentityPlugin
    from openstack.connection import Connection

T = TypeVar("T")
BALANCERS, VOLUMES = "load-balancer", "block-storage"
_TYPES = {BALANCERS: (BALANCERS,), VOLUMES: (VOLUMES, "volumev3", "block-store", "volume")}
"""Services and their types in catalogues (OpenStack service types authority)."""


@dataclass(frozen=True, slots=True)
class Named:
    """The resources of the cloud. `volume_types` and `providers` are None if the cloud does not list them.

    `existing` has the problem with each existing resource by key of the spec; empty if there is none.
    """

    services: frozenset[str] = frozenset({BALANCERS, VOLUMES})
    volume_types: tuple[str, ...] | None = None
    providers: tuple[str, ...] | None = None
    existing: Mapping[str, str] = field(default_factory=dict)


def services(sdk: Connection) -> frozenset[str]:
    """Return the services above that are in the token's catalogue for this region. Blocks."""
    access = cast("BaseIdentityPlugin", sdk.session.auth).get_access(sdk.session)
    region = sdk.config.get_region_name()
    types = {
        service["type"]
        for service in access.service_catalog.catalog
        for endpoint in service.get("endpoints", ())
        if not region or region in (endpoint.get("region_id"), endpoint.get("region"))
    }
    return frozenset(name for name, some in _TYPES.items() if not types.isdisjoint(some))


def look_named(sdk: Connection, cluster: Cluster, there: frozenset[str]) -> Named:
    """Query the resources that the spec names; `there` are the available services. Blocks."""
    chosen = settings(cluster)
    types = providers = None
    if volume_types(cluster) and VOLUMES in there:
        types = _if_permitted(lambda: tuple(sorted(str(one.name) for one in sdk.block_storage.types())))
    if chosen.load_balancer.provider and BALANCERS in there:
        providers = _if_permitted(
            lambda: tuple(sorted(str(one.name) for one in sdk.load_balancer.providers()))
        )
    return Named(there, types, providers, _existing(sdk, chosen.existing) if chosen.existing else {})


def judge_named(spec: Spec, cluster: Cluster, named: Named) -> Iterator[Finding]:
    """Compare the resources that the spec names with those of the cloud. Pure."""
    yield from _services(spec, cluster, named)
    yield from _listed(spec, volume_types(cluster), named.volume_types, _VOLUME_TYPE)
    provider = settings(cluster).load_balancer.provider
    places = {provider: setting(cluster, "load_balancer", "provider")} if provider else {}
    yield from _listed(spec, places, named.providers, _PROVIDER)
    for key, problem in named.existing.items():
        if problem:
            help_ = "`openstack network list`, `openstack subnet list` and `openstack router list` list them"
            path = setting(cluster, "existing", key)
            yield bad("existing", problem, help_, "KB1111", "Existing resource not found", spec, path)
    if named.existing and not any(named.existing.values()):
        yield good("existing", ", ".join(named.existing))


def volume_types(cluster: Cluster) -> dict[str, SpecPath]:
    """Return the volume types in the spec, each with its first spec path."""
    chosen = settings(cluster)
    found: dict[str, SpecPath] = {}
    if chosen.boot_volume and chosen.boot_volume.type:
        found[chosen.boot_volume.type] = setting(cluster, "boot_volume", "type")
    for pool in (cluster.control_plane, *cluster.pools):
        for index, volume in enumerate(pool.volumes):
            if volume.type:
                found.setdefault(volume.type, (*pool_path(cluster, pool), "volumes", index, "type"))
    if chosen.block_storage and chosen.block_storage.type:
        found.setdefault(chosen.block_storage.type, setting(cluster, "block_storage", "type"))
    return found


_VOLUME_TYPE = ("volume types", "KB1127", "Volume type not found", "volume types of this cloud")
_PROVIDER = ("load balancers", "KB1113", "Load balancer provider not found", "providers of this cloud")


def _listed(
    spec: Spec,
    wanted: Mapping[str, SpecPath],
    there: tuple[str, ...] | None,
    texts: tuple[str, str, str, str],
) -> Iterator[Finding]:
    """Yield a finding for each missing name, or one finding for all names."""
    name, code, summary, listed = texts
    missing = [one for one in wanted if there is not None and one not in there]
    for one in missing:
        help_ = f"{listed}: {', '.join(there or ()) or 'none'}"
        yield bad(name, f"{one} does not exist", help_, code, summary, spec, wanted[one])
    if wanted and not missing:
        yield Finding(Check(name, ok=None if there is None else True, found=", ".join(wanted)))


def _services(spec: Spec, cluster: Cluster, named: Named) -> Iterator[Finding]:
    summary = "The cloud has no such service"
    if BALANCERS not in named.services:
        found = "the cloud has no load balancer service (Octavia)"
        if kind(cluster) == "load_balancer":
            help_ = "set `api: {endpoint: virtual_ip}`: then the servers share an address without it"
            yield bad("load balancers", found, help_, "KB1112", summary, spec, _endpoint(spec, cluster))
        if cluster.load_balancers:
            help_ = "remove `ingress.load_balancers`, or choose a region that has the service"
            path: SpecPath = ("clusters", cluster.name, "ingress", "load_balancers")
            yield bad("load balancers", found, help_, "KB1112", summary, spec, path)
    if VOLUMES not in named.services and (path := _volume_place(cluster)):
        found = "the cloud has no volume service (Cinder)"
        help_ = "use flavors with a disk, and remove volumes from the spec"
        yield bad("volumes", found, help_, "KB1112", summary, spec, path)


def _endpoint(spec: Spec, cluster: Cluster) -> SpecPath:
    """Return the spec path that causes the API load balancer: it is the default for several servers."""
    path: SpecPath = ("clusters", cluster.name, "api", "endpoint")
    return path if spec.source.written(path) else (*pool_path(cluster, cluster.control_plane), "nodes")


def _volume_place(cluster: Cluster) -> SpecPath:
    """Return the first spec path that needs volumes; empty if there is none."""
    chosen = settings(cluster)
    if chosen.boot_volume:
        return setting(cluster, "boot_volume")
    if chosen.block_storage:
        return setting(cluster, "block_storage")
    pools = (pool for pool in (cluster.control_plane, *cluster.pools) if pool.volumes)
    return next(((*pool_path(cluster, pool), "volumes") for pool in pools), ())


def setting(cluster: Cluster, *keys: str) -> SpecPath:
    """Return the spec path of a setting below `provider.openstack`."""
    return ("clusters", cluster.name, "provider", "openstack", *keys)


def _existing(sdk: Connection, wanted: ExistingNames) -> dict[str, str]:
    """Return the problem with each existing resource in the spec; empty if there is none. Blocks."""
    found: dict[str, str] = {}
    network = None
    if wanted.network:
        network, found["network"] = _one("network", sdk.network.find_network, wanted.network)
    for key, name in (
        ("control_plane_subnet", wanted.control_plane_subnet),
        ("agents_subnet", wanted.agents_subnet),
    ):
        if not name:
            continue
        within = {"network_id": network.id} if network else {}
        subnet, found[key] = _one("subnet", sdk.network.find_subnet, name, **within)
        if network and subnet and subnet.network_id != network.id:
            found[key] = f"the subnet {name} does not belong to the network {wanted.network}"
    if wanted.router:
        _, found["router"] = _one("router", sdk.network.find_router, wanted.router)
    return found


def _one(what: str, find: Callable[..., Any], name: str, **within: str) -> tuple[Any, str]:
    """Return the resource with a name or an ID, and the problem with it."""
    from openstack.exceptions import DuplicateResource

    try:
        resource = find(name, ignore_missing=True, **within)
    except DuplicateResource:
        return None, f"several resources of type {what} have the name {name}; use the ID instead"
    return resource, "" if resource else f"the {what} {name} does not exist"


def _if_permitted(question: Callable[[], T]) -> T | None:
    """Return the result; None if the service does not permit the request."""
    from openstack.exceptions import SDKException

    try:
        return question()
    except SDKException:
        return None
