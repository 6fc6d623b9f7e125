"""Checks a project before anything is created: named resources must exist, and quotas must suffice.

Every finding is a line of `doctor`. A problem is also a diagnostic at the line of the spec that causes it. A
check that cannot run is a warning and does not stop `apply`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kbootstrap.core.diagnostics import SpecPath
from kbootstrap.providers.cloud.needs import Present, largest
from kbootstrap.providers.cloud.preflight import Finding, bad, flavors, good, quotas
from kbootstrap.providers.model import Check
from kbootstrap.providers.openstack.connection import Cloud
from kbootstrap.providers.openstack.named_things import (
    BALANCERS,
    VOLUMES,
    Named,
    judge_named,
    look_named,
    services,
)
from kbootstrap.providers.openstack.needs import boot_size, group_members, machines, needs
from kbootstrap.providers.openstack.present import PresentResources, find
from kbootstrap.providers.openstack.quotas import TITLES, Quotas, read
from kbootstrap.providers.openstack.resources import KnownResources, look
from kbootstrap.providers.openstack.settings import settings
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Spec, pool_path

if TYPE_CHECKING:
    from openstack.connection import Connection

_GATHER = 300.0
"""Seconds for all queries together, about thirty requests."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts from the cloud, for `judge`.

    `untagged_networks` are networks with the cluster's name but without its tags.
    """

    known: KnownResources
    present: Present
    untagged_networks: tuple[str, ...]
    quotas: Quotas | None
    named: Named = field(default_factory=Named)


async def gather(cloud: Cloud, spec: Spec, cluster: Cluster, lock: Lock, *, brief: bool) -> Facts | None:
    """Query the cloud. With `brief`, returns None if no resource of the cluster is missing."""

    def everything(sdk: Connection) -> Facts | None:
        there = services(sdk)
        balancers = "load_balancers" in needs(cluster, {}, Present()) and BALANCERS in there
        found: PresentResources = find(sdk, spec, cluster, balancers=balancers, storage=VOLUMES in there)
        present = found.present()
        if brief and not found.untagged_networks and not needs(cluster, {}, present):
            return None
        known = look(sdk, cluster, lock)
        wanted = needs(cluster, known.flavors, present)
        untagged_networks = tuple(f"{network.name} ({network.id})" for network in found.untagged_networks)
        asked = wanted.keys() - ({"load_balancers"} if BALANCERS not in there else set())
        asked -= {"volumes", "gigabytes"} if VOLUMES not in there else set()
        found_quotas = read(sdk, asked) if wanted else None
        return Facts(known, present, untagged_networks, found_quotas, look_named(sdk, cluster, there))

    return await cloud.ask("list the resources of the project", everything, seconds=_GATHER)


def judge(spec: Spec, cluster: Cluster, facts: Facts) -> tuple[Finding, ...]:
    """Compare the spec with the facts from the cloud. Pure."""
    return (
        *_image(spec, cluster, facts),
        *_flavors(spec, cluster, facts.known),
        *_external(spec, cluster, facts.known),
        *_zones(spec, cluster, facts.known),
        *_key_pair(spec, cluster, facts.known),
        *judge_named(spec, cluster, facts.named),
        *_names(spec, cluster, facts.untagged_networks),
        *(_quotas(spec, cluster, facts, facts.quotas) if facts.quotas else ()),
    )


def _image(spec: Spec, cluster: Cluster, facts: Facts) -> Iterator[Finding]:
    image, path = facts.known.image, _path(cluster, "image")
    if image.status == "active":
        note = ", hidden by the cloud" if image.hidden else ""
        yield good("image", f"{image.name} ({image.id}){note}")
        return
    what = f"{image.name} ({image.id})" if image.id else image.name
    found = f"{what} is {image.status}" if image.status else f"{what} does not exist"
    help_ = "`openstack image list` lists all images; `kbootstrap lock --upgrade image` pins the newest build"
    yield bad("image", found, help_, "KB1120", "Image not usable", spec, path)


def _flavors(spec: Spec, cluster: Cluster, known: KnownResources) -> Iterator[Finding]:
    return flavors(
        spec,
        cluster,
        machines(cluster),
        known.flavors,
        code="KB1121",
        bastion=_path(cluster, "bastion"),
        list_command="openstack flavor list",
    )


def _external(spec: Spec, cluster: Cluster, known: KnownResources) -> Iterator[Finding]:
    wanted = settings(cluster).external_network
    if wanted is None:
        return
    if wanted in known.external_networks:
        yield good("external network", wanted)
        return
    there = ", ".join(known.external_networks) or "none"
    help_ = f"external networks of this cloud: {there}"
    path = _path(cluster, "external_network")
    yield bad(
        "external network",
        f"{wanted} does not exist",
        help_,
        "KB1122",
        "External network not found",
        spec,
        path,
    )


def _zones(spec: Spec, cluster: Cluster, known: KnownResources) -> Iterator[Finding]:
    wanted = settings(cluster).availability_zones
    missing = [zone for zone in wanted if zone not in known.zones]
    if missing and known.zones:
        help_ = f"zones of this cloud: {', '.join(known.zones)}"
        found, path = f"{', '.join(missing)} does not exist", _path(cluster, "availability_zones")
        yield bad("zones", found, help_, "KB1123", "Availability zone not found", spec, path)
    elif wanted:
        yield Finding(Check("zones", ok=True if known.zones else None, found=", ".join(wanted)))


def _key_pair(spec: Spec, cluster: Cluster, known: KnownResources) -> Iterator[Finding]:
    wanted = settings(cluster).key_pair
    if wanted is None:
        return
    if known.key_pair:
        yield good("key pair", wanted)
        return
    help_ = f"`openstack keypair create --public-key ~/.ssh/id_ed25519.pub {wanted}` creates it; key "
    help_ += "pairs belong to one user"
    path = _path(cluster, "key_pair")
    yield bad("key pair", f"{wanted} does not exist", help_, "KB1124", "Key pair not found", spec, path)


def _names(spec: Spec, cluster: Cluster, untagged_networks: tuple[str, ...]) -> Iterator[Finding]:
    if untagged_networks:
        help_ = (
            "give the cluster or the spec another name, or delete the network if it is unused: it can be a "
            "leftover of a killed run"
        )
        found = f"the network {', '.join(untagged_networks)} has this cluster's name, but not its tags"
        path = ("clusters", cluster.name)
        yield bad("names", found, help_, "KB1125", "Name is taken in the project", spec, path)


def _quotas(spec: Spec, cluster: Cluster, facts: Facts, found: Quotas) -> Iterator[Finding]:
    known, boot = facts.known.flavors, boot_size(cluster)
    needed = needs(cluster, known, facts.present)
    places = {name: largest(cluster, name, known, boot) for name in needed}
    yield from quotas(spec, needed, found.rows, TITLES, places, code="KB1126")
    members, most = group_members(cluster), found.group_members
    if members and most is not None and members > most:
        text = f"{members} machines in a group needed, limit {most}"
        help_ = "request a larger quota for members of a server group, or use `anti_affinity: none`"
        path = _anti_affinity(cluster)
        yield bad("quota: group members", text, help_, "KB1126", "Server groups are too small", spec, path)


def _anti_affinity(cluster: Cluster) -> SpecPath:
    pools = [pool for pool in (cluster.control_plane, *cluster.pools) if pool.anti_affinity != "none"]
    return (*pool_path(cluster, max(pools, key=lambda pool: pool.capacity)), "anti_affinity")


def _path(cluster: Cluster, key: str) -> SpecPath:
    return ("clusters", cluster.name, "provider", "openstack", key)
