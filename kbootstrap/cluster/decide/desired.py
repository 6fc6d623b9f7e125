"""Derives the desired state of each node from the spec; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kbootstrap.cluster.state.desired import (
    DesiredArchive,
    DesiredCluster,
    DesiredNode,
    DesiredVolume,
    LocalFile,
)
from kbootstrap.distros import outside
from kbootstrap.distros.additions import NOTHING, Additions
from kbootstrap.distros.model import Artifact, Distribution
from kbootstrap.inventory.model import Inventory, Machine
from kbootstrap.spec.model import CONTROL_PLANE, Cluster, Node, Pool

ARCHITECTURES = ("amd64", "arm64")
"""What artifacts exist for, in the names of the vendor."""


def desired_state(
    cluster: Cluster,
    nodes: Sequence[Node],
    inventory: Inventory,
    distro: Distribution,
    artifacts: Mapping[str, LocalFile] | None = None,
    *,
    additions: Additions = NOTHING,
) -> DesiredCluster:
    """Return the desired state of the cluster.

    `artifacts` has those that are on this machine already, by the vendor's name; none are needed to decide,
    `Plan.artifacts` then says which ones `converge` will want. `additions` is that of `DesiredCluster`.
    """
    pools = {pool.name: pool for pool in cluster.pools} | {CONTROL_PLANE: cluster.control_plane}
    machines = inventory.machines
    return DesiredCluster(
        cluster=cluster.name,
        version=cluster.kubernetes.version,
        registration=f"https://{inventory.internal.host}:{distro.registration_port}",
        distro=distro,
        nodes=tuple(
            DesiredNode(
                name=node.name,
                role=node.role,
                pool=node.pool,
                files=(
                    *distro.files(cluster, node, inventory.tls_san, additions),
                    *outside.files(distro, cluster, node.role),
                ),
                labels=dict(node.labels),
                taints=node.taints,
                at_once=pools[node.pool].max_unavailable,
                volumes=_volumes(pools[node.pool], machines.get(node.name)),
                address=machines[node.name].address if node.name in machines else "",
            )
            for node in nodes
        ),
        artifacts={arch: _artifacts(cluster, distro, additions, arch) for arch in ARCHITECTURES},
        local=dict(artifacts or {}),
        additions=additions,
        archives=tuple(
            DesiredArchive(Artifact(one.name, f"{distro.paths.images}/{one.name}", 0o644), one.sha256)
            for one in additions.archives
        ),
        secret_paths=outside.secret_paths(distro, cluster),
        maintenance=cluster.maintenance,
    )


def _volumes(pool: Pool, machine: Machine | None) -> tuple[DesiredVolume, ...]:
    made = machine.volumes if machine else {}
    return tuple(
        DesiredVolume(volume.name, made.get(volume.name, ""), volume.folder, volume.size_gib << 30)
        for volume in pool.volumes
    )


def _artifacts(
    cluster: Cluster, distro: Distribution, additions: Additions, arch: str
) -> tuple[Artifact, ...]:
    """Return the distribution's files and the additional images."""
    names = [f"{name}-{version}-{arch}.tar.zst" for name, version in additions.images]
    more = (Artifact(name, f"{distro.paths.images}/{name}", 0o644) for name in names)
    return (*distro.artifacts(cluster.kubernetes.version, arch), *more)
