"""The settings of a cluster below `provider.openstack`, with the defaults of its profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kbootstrap.providers.openstack.profiles import PROFILES, Profile
from kbootstrap.spec.model import Cluster

DEFAULT_USER = "kbootstrap"
"""The user of machines if the spec does not set `ssh.user`."""


@dataclass(frozen=True, slots=True)
class ExistingNames:
    """Names or IDs of existing resources to use. A network needs both subnets (`problems`)."""

    network: str | None
    control_plane_subnet: str | None
    agents_subnet: str | None
    router: str | None


@dataclass(frozen=True, slots=True)
class BootVolume:
    """The boot volume of nodes: its size in GiB, and its type, or None for the cloud's default."""

    size_gib: int
    type: str | None


@dataclass(frozen=True, slots=True)
class BastionMachine:
    """A dedicated SSH bastion."""

    flavor: str


@dataclass(frozen=True, slots=True)
class OctaviaSettings:
    """Settings of Octavia load balancers; None uses the cloud's default. `flavor` is an ID."""

    provider: str | None
    flavor: str | None


@dataclass(frozen=True, slots=True)
class CloudController:
    """OpenStack's controller in the cluster: nodes pull its image, or kbootstrap builds and copies it."""

    image: Literal["pull", "build"]


@dataclass(frozen=True, slots=True)
class BlockStorage:
    """Volumes of claims: their type, or None for the cloud's default."""

    type: str | None


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of `provider.openstack`. Exactly one of `image_name` and `image_id` is set.

    `external_network` and `dns_servers` default to those of the profile; the network is None only if
    `problems` rejects the cluster. `mtu` is in bytes.
    """

    cloud: str | None
    region: str | None
    profile: Profile | None
    external_network: str | None
    image_name: str | None
    image_id: str | None
    availability_zones: tuple[str, ...]
    dns_servers: tuple[str, ...]
    mtu: int | None
    existing: ExistingNames | None
    boot_volume: BootVolume | None
    bastion: Literal["server", "none"] | BastionMachine
    key_pair: str | None
    load_balancer: OctaviaSettings
    cloud_controller: CloudController | None
    block_storage: BlockStorage | None

    @property
    def needs_credential(self) -> bool:
        """Whether a component in the cluster accesses the cloud API."""
        return self.cloud_controller is not None or self.block_storage is not None


def settings(cluster: Cluster) -> Settings:
    """Return the settings of a cluster of this provider."""
    found = cluster.provider.settings
    profile = PROFILES.get(found.get("profile") or found.get("cloud") or "")
    return Settings(
        cloud=found.get("cloud"),
        region=found.get("region"),
        profile=profile,
        external_network=found.get("external_network") or (profile.external_network if profile else None),
        image_name=found["image"].get("name"),
        image_id=found["image"].get("id"),
        availability_zones=tuple(found.get("availability_zones", ())),
        dns_servers=tuple(found.get("dns_servers") or (profile.dns_servers if profile else ())),
        mtu=found.get("mtu"),
        existing=_existing(found.get("existing")),
        boot_volume=_boot_volume(found.get("boot_volume")),
        bastion=_bastion(found.get("bastion", "server")),
        key_pair=found.get("key_pair"),
        load_balancer=_octavia(found.get("load_balancer", {})),
        cloud_controller=_cloud_controller(found.get("cloud_controller", False)),
        block_storage=_block_storage(found.get("block_storage", False)),
    )


def ssh_user(cluster: Cluster) -> str:
    """Return the user of all machines. cloud-init creates it if the image does not have it."""
    return cluster.ssh.user or DEFAULT_USER


def _existing(data: Mapping[str, Any] | None) -> ExistingNames | None:
    if data is None:
        return None
    keys = ("network", "control_plane_subnet", "agents_subnet", "router")
    return ExistingNames(*(data.get(key) for key in keys))


def _boot_volume(data: Mapping[str, Any] | None) -> BootVolume | None:
    return BootVolume(int(data["size_gib"]), data.get("type")) if data is not None else None


def _bastion(data: str | Mapping[str, Any]) -> Literal["server", "none"] | BastionMachine:
    if isinstance(data, Mapping):
        return BastionMachine(data["flavor"])
    return "none" if data == "none" else "server"


def _octavia(data: Mapping[str, Any]) -> OctaviaSettings:
    return OctaviaSettings(data.get("provider"), data.get("flavor"))


def _cloud_controller(data: bool | Mapping[str, Any]) -> CloudController | None:
    if isinstance(data, Mapping):
        return CloudController("build" if data.get("image") == "build" else "pull")
    return CloudController("pull") if data else None


def _block_storage(data: bool | Mapping[str, Any]) -> BlockStorage | None:
    if isinstance(data, Mapping):
        return BlockStorage(data.get("type"))
    return BlockStorage(None) if data else None
