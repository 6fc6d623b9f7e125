"""The lock file beside a spec: `<spec>.lock.yaml`, committed. Pins what the spec alone does not determine.

It contains the address blocks of pools: a node's address is computed from its pool's block, and the lock
keeps the blocks when pools are added or removed, so that removing one pool does not move another. The nodes
of an autoscaled pool up to `min` and those above it have blocks of their own, so that a larger `min` never
needs the address of a node above the former one. It also
contains data that was looked up (`pins.py`): IDs of images, checksums of artifacts, versions of OpenTofu's
providers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from pathlib import Path

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.core.errors import SpecInvalid
from kbootstrap.spec.model import Cluster, Pool, Spec, pool_path
from kbootstrap.spec.pins import (
    ArtifactPin,
    Artifacts,
    ImagePin,
    ProviderPin,
    dump_artifacts,
    dump_images,
    dump_providers,
    quoted,
    used,
)

ENDPOINT_HOST = 10
"""The offset of the API endpoint in the control-plane subnet; servers follow."""
FIRST = 11
"""The offset of the first address in the agents' subnet that a block may use."""
SMALLEST = 16
"""Addresses in the smallest block, so that a pool can grow without a second block."""
SHARED = 128
"""With at least this many addresses, the last eighth of the agents' subnet is reserved for the provider: for
load balancers and other resources with automatically assigned addresses."""
VERSION = "kbootstrap/v1alpha1"

_HEADER = """\
# Written by kbootstrap; commit it beside the spec. It keeps the addresses of nodes where they are when pools
# come and go: each pool has blocks of its agents' subnet, counted from the subnet's first address. It keeps
# what was looked up too: the IDs of images, the checksums of what is installed, versions of providers.
"""


@dataclass(frozen=True, slots=True)
class AddressBlock:
    """Consecutive addresses of the agents' subnet: `first` is an offset from its network address."""

    first: int
    size: int

    @property
    def end(self) -> int:
        """The first offset after the block."""
        return self.first + self.size


@dataclass(frozen=True, slots=True)
class Demand:
    """Addresses for this number of a pool's nodes; `key` is the name of their blocks in the lock."""

    pool: Pool
    key: str
    nodes: int

    @property
    def addresses(self) -> int:
        """The size of the block that a new pool gets."""
        return max(SMALLEST, self.nodes)


@dataclass(frozen=True, slots=True)
class Lock:
    """The content of a lock file.

    `addresses` maps clusters to pools (by their first name) to blocks, in the order of ordinals. `images` has
    the image of each cluster whose provider looks one up; it applies as long as the spec has the same name.
    `artifacts` has the files that are installed on nodes, by distribution and version; `providers` has
    OpenTofu's providers by source (`terraform-provider-openstack/openstack`).
    """

    addresses: Mapping[str, Mapping[str, tuple[AddressBlock, ...]]] = field(default_factory=dict)
    images: Mapping[str, ImagePin] = field(default_factory=dict)
    artifacts: Artifacts = field(default_factory=dict)
    providers: Mapping[str, ProviderPin] = field(default_factory=dict)

    def image_id(self, cluster: str, name: str) -> str | None:
        """Return the pinned ID of a cluster's image; None if no image of this name is pinned."""
        pinned = self.images.get(cluster)
        return pinned.id if pinned is not None and pinned.name == name else None

    def with_image(self, cluster: str, image: ImagePin) -> Lock:
        """Return a lock that pins this image for a cluster."""
        return replace(self, images={**self.images, cluster: image})

    def artifact(self, distribution: str, version: str) -> ArtifactPin | None:
        """Return the pin of a version of a distribution, or None."""
        return self.artifacts.get(distribution, {}).get(version)

    def with_artifact(self, distribution: str, version: str, pin: ArtifactPin) -> Lock:
        """Return a lock that pins a version of a distribution."""
        versions = {**self.artifacts.get(distribution, {}), version: pin}
        return replace(self, artifacts={**self.artifacts, distribution: versions})


def end(addresses: int) -> int:
    """Return the offset after the last node address in an agents' subnet of this size."""
    return addresses - 1 - (addresses // 8 if addresses >= SHARED else 0)


def lock_path(spec: Path) -> Path:
    """Return the lock file of a spec file: `clusters.yaml` has `clusters.lock.yaml`."""
    name = spec.name.removesuffix(spec.suffix) if spec.suffix in {".yaml", ".yml"} else spec.name
    return spec.with_name(f"{name}.lock.yaml")


def dump(lock: Lock) -> str:
    """Return the text of a lock file: the same lock gives the same bytes."""
    text = f"{_HEADER}apiVersion: {VERSION}\n"
    clusters = {name: pools for name, pools in sorted(lock.addresses.items()) if pools}
    text += "addresses:\n" if clusters else "addresses: {}\n"
    for cluster, pools in clusters.items():
        text += f"  {quoted(cluster)}:\n"
        for pool, blocks in sorted(pools.items()):
            shown = ", ".join(f"{{first: {block.first}, size: {block.size}}}" for block in blocks)
            text += f"    {quoted(pool)}: [{shown}]\n"
    text += dump_images(lock.images) + dump_artifacts(lock.artifacts) + dump_providers(lock.providers)
    return text


def allocate(spec: Spec, lock: Lock) -> Lock:
    """Return a lock with blocks for every pool of the spec, and without unused pins.

    Existing blocks are kept if they still fit; a pool that outgrew its blocks gets an additional one; new
    pools get the first free range, in the spec's order. Raises `SpecInvalid` if the agents' subnet is full.
    """
    problems: list[Diagnostic] = []
    addresses: dict[str, Mapping[str, tuple[AddressBlock, ...]]] = {}
    for cluster in spec.clusters:
        if cluster.network is not None:
            placed, failed = place(cluster, cluster.network.agents, lock.addresses.get(cluster.name, {}))
            addresses[cluster.name] = placed
            problems += [_no_room(spec, cluster, demand) for demand in failed]
    if problems:
        raise SpecInvalid(f"{spec.path} has no room for all nodes", code="KB0411", diagnostics=problems)
    known = {cluster.name for cluster in spec.clusters}
    versions = [(c.kubernetes.distribution, c.kubernetes.version) for c in spec.clusters]
    return Lock(
        addresses,
        {name: image for name, image in lock.images.items() if name in known},
        used(lock.artifacts, versions),
        lock.providers,
    )


def elastic_key(pool: Pool) -> str:
    """Return the name under which the lock has the blocks of a pool's nodes above `min`."""
    return f"{pool.born}/elastic"


def demands(cluster: Cluster) -> tuple[Demand, ...]:
    """Return the blocks that the pools of a cluster need; those of nodes above `min` come last."""
    static = [Demand(pool, pool.born, pool.nodes) for pool in cluster.pools]
    elastic = [
        Demand(pool, elastic_key(pool), pool.capacity - pool.nodes)
        for pool in cluster.pools
        if pool.capacity > pool.nodes
    ]
    return (*static, *elastic)


def place(
    cluster: Cluster, subnet: IPv4Network, known: Mapping[str, tuple[AddressBlock, ...]]
) -> tuple[dict[str, tuple[AddressBlock, ...]], tuple[Demand, ...]]:
    """Return the blocks of every pool of one cluster, and the demands for which no block was free."""
    limit = end(subnet.num_addresses)
    wanted = demands(cluster)
    blocks: dict[str, tuple[AddressBlock, ...]] = {}
    taken: list[AddressBlock] = []
    for one in wanted:
        kept = _still_good(known.get(one.key, ()), taken, limit)
        blocks[one.key] = kept
        taken += kept
    # Removed pools keep their addresses until their machines are deleted, after new machines are created.
    leaving = [block for name, found in known.items() if name not in blocks for block in found]
    failed = []
    for one in wanted:
        missing = one.nodes - sum(block.size for block in blocks[one.key])
        if missing <= 0 and blocks[one.key]:
            continue
        size = max(SMALLEST, missing)
        block = _free([*taken, *leaving], size, limit) or _free(taken, size, limit)
        if block is None:
            failed.append(one)
            continue
        blocks[one.key] += (block,)
        taken.append(block)
    return blocks, tuple(failed)


def _still_good(
    blocks: Iterable[AddressBlock], taken: list[AddressBlock], limit: int
) -> tuple[AddressBlock, ...]:
    good: list[AddressBlock] = []
    for block in blocks:
        others = [*taken, *good]
        free = all(block.end <= other.first or other.end <= block.first for other in others)
        if block.first < FIRST or block.end > limit or block.size < 1 or not free:
            break
        good.append(block)
    return tuple(good)


def _free(taken: list[AddressBlock], size: int, limit: int) -> AddressBlock | None:
    first = FIRST
    for block in sorted(taken, key=lambda b: b.first):
        if first + size <= block.first:
            break
        first = max(first, block.end)
    return AddressBlock(first, size) if first + size <= limit else None


def _no_room(spec: Spec, cluster: Cluster, demand: Demand) -> Diagnostic:
    network = cluster.network
    return Diagnostic(
        "KB0411",
        f"Pool {demand.pool.name} needs {demand.addresses} consecutive addresses, and the blocks that the "
        f"lock file holds for other pools leave none in {network.agents if network else 'the subnet'}.",
        "Make the agents' subnet larger, or make pools smaller.",
        spec.source.value(pool_path(cluster, demand.pool)),
    )
