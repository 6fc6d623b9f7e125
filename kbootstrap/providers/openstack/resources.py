"""Resources of the cloud that a spec refers to: image, flavors, external networks, zones, key pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kbootstrap.providers.cloud.needs import Flavor
from kbootstrap.providers.openstack.images import named, newest
from kbootstrap.providers.openstack.settings import settings
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster

if TYPE_CHECKING:
    from openstack.connection import Connection


@dataclass(frozen=True, slots=True)
class CloudImage:
    """The image of machines. If it does not exist, `status` is empty, and `id` may be empty."""

    name: str
    id: str
    status: str
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class KnownResources:
    """Resources of the cloud. `zones` is empty if it does not list them; `key_pair`: the key pair exists."""

    image: CloudImage
    flavors: Mapping[str, Flavor]
    external_networks: tuple[str, ...]
    zones: tuple[str, ...]
    key_pair: bool = True


def look(sdk: Connection, cluster: Cluster, lock: Lock) -> KnownResources:
    """Query all resources that the spec of a cluster refers to. Blocks."""
    chosen = settings(cluster)
    networks = list(sdk.network.networks(is_router_external=True))
    pair = chosen.key_pair is None or sdk.compute.find_keypair(chosen.key_pair) is not None
    return KnownResources(
        image=_image(sdk, cluster, lock),
        flavors=_flavors(sdk),
        external_networks=tuple(sorted({network.name for network in networks if network.name})),
        zones=_zones(sdk) if chosen.availability_zones else (),
        key_pair=pair,
    )


def _image(sdk: Connection, cluster: Cluster, lock: Lock) -> CloudImage:
    """Find the pinned image; without a pin, the image that `apply` would pin."""
    from openstack.exceptions import NotFoundException

    chosen = settings(cluster)
    name = chosen.image_name or chosen.image_id or ""
    pinned = chosen.image_id or lock.image_id(cluster.name, name)
    if pinned:
        try:
            image = sdk.image.get_image(pinned)
        except NotFoundException:
            return CloudImage(name, pinned, "")
        return CloudImage(image.name or name, image.id, image.status or "", bool(image.is_hidden))
    found = newest(named(sdk, name))
    return CloudImage(name, found.id, "active") if found else CloudImage(name, "", "")


def _flavors(sdk: Connection) -> dict[str, Flavor]:
    return {
        flavor.name: Flavor(int(flavor.vcpus or 0), int(flavor.ram or 0), int(flavor.disk or 0))
        for flavor in sdk.compute.flavors()
    }


def _zones(sdk: Connection) -> tuple[str, ...]:
    """Return the available zones; empty if the cloud does not list them."""
    from openstack.exceptions import HttpException

    try:
        found = list(sdk.compute.availability_zones())
    except HttpException:
        return ()
    return tuple(sorted(zone.name for zone in found if (zone.state or {}).get("available", True)))
