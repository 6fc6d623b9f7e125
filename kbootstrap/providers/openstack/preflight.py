"""Looks at a project before anything is made in it: what the spec names must be there, and room for it.

Every finding is a line of `doctor`, and where it is a problem also a diagnostic at the line of the spec that
causes it. What cannot be looked at is a warning and stops nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kbootstrap.core.diagnostics import Diagnostic, SpecPath
from kbootstrap.providers.model import Check
from kbootstrap.providers.openstack.connection import Cloud
from kbootstrap.providers.openstack.needs import Flavor, Present, group_members, machines, needs
from kbootstrap.providers.openstack.present import Found, find
from kbootstrap.providers.openstack.quotas import TITLES, UNITS, Quotas, read
from kbootstrap.providers.openstack.resources import Known, look
from kbootstrap.providers.openstack.settings import settings
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Pool, Spec, pool_path

if TYPE_CHECKING:
    from openstack.connection import Connection

_GATHER = 300.0
"""Seconds for all questions together, about thirty requests."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `problem` is what stops `apply`, None where all is well."""

    check: Check
    problem: Diagnostic | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the cloud told, for `judge`."""

    known: Known
    present: Present
    strangers: tuple[str, ...]
    quotas: Quotas | None


async def gather(cloud: Cloud, spec: Spec, cluster: Cluster, lock: Lock, *, brief: bool) -> Facts | None:
    """Ask the cloud; with `brief`, None for a cluster that lacks nothing."""

    def everything(sdk: Connection) -> Facts | None:
        balancers = any(name == "load_balancers" for name in needs(cluster, {}, Present()))
        found: Found = find(sdk, spec, cluster, balancers=balancers)
        present = found.present()
        if brief and not found.strangers and not needs(cluster, {}, present):
            return None
        known = look(sdk, cluster, lock)
        wanted = needs(cluster, known.flavors, present)
        strangers = tuple(f"{network.name} ({network.id})" for network in found.strangers)
        return Facts(known, present, strangers, read(sdk, wanted) if wanted else None)

    return await cloud.ask("show what is in the project", everything, seconds=_GATHER)


def judge(spec: Spec, cluster: Cluster, facts: Facts) -> tuple[Finding, ...]:
    """Compare what is wanted with what the cloud told; pure."""
    return (
        *_image(spec, cluster, facts),
        *_flavors(spec, cluster, facts.known),
        *_external(spec, cluster, facts.known),
        *_zones(spec, cluster, facts.known),
        *_key_pair(spec, cluster, facts.known),
        *_names(spec, cluster, facts.strangers),
        *(_quotas(spec, cluster, facts, facts.quotas) if facts.quotas else ()),
    )


def _image(spec: Spec, cluster: Cluster, facts: Facts) -> Iterator[Finding]:
    image, path = facts.known.image, _path(cluster, "image")
    if image.status == "active":
        note = ", hidden by the cloud by now" if image.hidden else ""
        yield Finding(Check("image", ok=True, found=f"{image.name} ({image.id}){note}"))
        return
    what = f"{image.name} ({image.id})" if image.id else image.name
    found = f"{what} is {image.status}" if image.status else f"{what} is not there"
    help_ = (
        "`openstack image list` shows what is there; `kbootstrap lock --upgrade image` pins the newest build"
    )
    yield _bad("image", found, help_, "KB1120", "Image not usable", spec, path)


def _flavors(spec: Spec, cluster: Cluster, known: Known) -> Iterator[Finding]:
    places: dict[str, SpecPath] = {}
    for pool in (cluster.control_plane, *cluster.pools):
        places.setdefault(pool.flavor or "", (*pool_path(cluster, pool), "flavor"))
    for machine in machines(cluster):
        places.setdefault(machine.flavor, _path(cluster, "bastion"))
    missing = [name for name in places if name not in known.flavors]
    for name in missing:
        near = ", ".join(known.close_flavors(name))
        help_ = f"there are: {near}; `openstack flavor list` shows all"
        yield _bad("flavors", f"{name} is not there", help_, "KB1121", "Flavor not found", spec, places[name])
    small = [name for name, flavor in known.flavors.items() if name in places and flavor.disk == 0]
    if small and settings(cluster).boot_volume is None:
        help_ = "write `boot_volume: {size_gib: 20}`, or choose a flavor with a disk"
        found = f"{', '.join(small)} has no disk, and no boot volume is wanted"
        yield Finding(Check("flavors", ok=None, found=found, help=help_))
    elif not missing:
        yield Finding(Check("flavors", ok=True, found=", ".join(places)))


def _external(spec: Spec, cluster: Cluster, known: Known) -> Iterator[Finding]:
    wanted = settings(cluster).external_network
    if wanted is None:
        return
    if wanted in known.external_networks:
        yield Finding(Check("external network", ok=True, found=wanted))
        return
    there = ", ".join(known.external_networks) or "none"
    help_ = f"external networks of this cloud: {there}"
    path = _path(cluster, "external_network")
    yield _bad(
        "external network",
        f"{wanted} is not there",
        help_,
        "KB1122",
        "External network not found",
        spec,
        path,
    )


def _zones(spec: Spec, cluster: Cluster, known: Known) -> Iterator[Finding]:
    wanted = settings(cluster).availability_zones
    missing = [zone for zone in wanted if zone not in known.zones]
    if missing and known.zones:
        help_ = f"zones of this cloud: {', '.join(known.zones)}"
        found, path = f"{', '.join(missing)} is not there", _path(cluster, "availability_zones")
        yield _bad("zones", found, help_, "KB1123", "Availability zone not found", spec, path)
    elif wanted:
        yield Finding(Check("zones", ok=True if known.zones else None, found=", ".join(wanted)))


def _key_pair(spec: Spec, cluster: Cluster, known: Known) -> Iterator[Finding]:
    wanted = settings(cluster).key_pair
    if wanted is None:
        return
    if known.key_pair:
        yield Finding(Check("key pair", ok=True, found=wanted))
        return
    help_ = f"`openstack keypair create --public-key ~/.ssh/id_ed25519.pub {wanted}` makes it; key pairs "
    help_ += "belong to one user"
    path = _path(cluster, "key_pair")
    yield _bad("key pair", f"{wanted} is not there", help_, "KB1124", "Key pair not found", spec, path)


def _names(spec: Spec, cluster: Cluster, strangers: tuple[str, ...]) -> Iterator[Finding]:
    if strangers:
        help_ = (
            "give the cluster or the spec another name, or remove the network if nobody needs it: a run that "
            "was killed together with OpenTofu can leave one behind"
        )
        found = f"the network {', '.join(strangers)} has this cluster's name and is not kbootstrap's"
        path = ("clusters", cluster.name)
        yield _bad("names", found, help_, "KB1125", "Name is taken in the project", spec, path)


def _quotas(spec: Spec, cluster: Cluster, facts: Facts, quotas: Quotas) -> Iterator[Finding]:
    for name, needed in needs(cluster, facts.known.flavors, facts.present).items():
        row, title, unit = quotas.rows.get(name), TITLES[name], f" {UNITS[name]}" if name in UNITS else ""
        if row is None:
            continue
        if not row.known:
            found = f"{needed}{unit} more needed; the cloud does not tell the quota"
            help_ = "the web interface of the cloud may show it"
            yield Finding(Check(f"quota: {title}", ok=None, found=found, help=help_))
            continue
        limit = "no limit" if row.limit is None else f"limit {row.limit}"
        found = f"{needed}{unit} more needed, {row.used if row.used is not None else '?'} used, {limit}"
        if row.fits(needed):
            yield Finding(Check(f"quota: {title}", ok=True, found=found))
            continue
        help_ = f"ask the cloud for more {title}, remove what is not needed, or make the cluster smaller"
        path = _largest(cluster, facts.known.flavors, name)
        yield _bad(f"quota: {title}", found, help_, "KB1126", f"Quota for {title} is too small", spec, path)
    members, most = group_members(cluster), quotas.group_members
    if members and most is not None and members > most:
        found = f"{members} machines in a group needed, limit {most}"
        help_ = "ask the cloud for more members of a server group, or use `anti_affinity: none`"
        path = _anti_affinity(cluster)
        yield _bad("quota: group members", found, help_, "KB1126", "Server groups are too small", spec, path)


def _largest(cluster: Cluster, flavors: Mapping[str, Flavor], name: str) -> SpecPath:
    """Return the pool that takes most of a resource; the cluster for what no pool takes."""
    if name not in {"instances", "cores", "ram", "volumes", "gigabytes"}:
        return ("clusters", cluster.name)

    boot = settings(cluster).boot_volume
    boots = (boot.size_gib,) if boot else ()

    def taken(pool: Pool) -> int:
        one = flavors.get(pool.flavor or "", Flavor(1, 1, 0))
        sizes = (*boots, *(volume.size_gib for volume in pool.volumes))
        each = {"cores": one.cores, "ram": one.ram, "volumes": len(sizes), "gigabytes": sum(sizes)}
        return int(pool.nodes * each.get(name, 1))

    pools = (cluster.control_plane, *cluster.pools)
    return pool_path(cluster, max(pools, key=taken))


def _anti_affinity(cluster: Cluster) -> SpecPath:
    pools = [pool for pool in (cluster.control_plane, *cluster.pools) if pool.anti_affinity != "none"]
    return (*pool_path(cluster, max(pools, key=lambda pool: pool.nodes)), "anti_affinity")


def _path(cluster: Cluster, key: str) -> SpecPath:
    return ("clusters", cluster.name, "provider", "openstack", key)


def _bad(name: str, found: str, help_: str, code: str, summary: str, spec: Spec, path: SpecPath) -> Finding:
    reason = f"{name.removeprefix('quota: ').capitalize()}: {found}."
    return Finding(
        Check(name, ok=False, found=found, help=help_),
        Diagnostic(code, summary, reason, f"{help_[0].upper()}{help_[1:]}.", spec.source.value(path)),
    )
