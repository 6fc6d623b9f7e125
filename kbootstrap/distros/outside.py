"""What nodes need to reach servers outside of the cluster: registries and the proxy, in one place. Pure."""

from __future__ import annotations

from kbootstrap.distros import proxy, registries
from kbootstrap.distros.model import Distribution, NodeFile, Role
from kbootstrap.distros.yaml_files import HEADER
from kbootstrap.spec.model import Cluster

NOTHING = f"{HEADER}# The spec no longer has settings here.\n"
"""The content of a file that the spec no longer wants: valid as YAML, as a unit and as an environment."""


def files(distro: Distribution, cluster: Cluster, role: Role) -> tuple[NodeFile, ...]:
    """Return the files of a node without secrets."""
    return (*registries.files(distro, cluster, role), *proxy.files(distro, cluster, role))


def secret_paths(distro: Distribution, cluster: Cluster) -> frozenset[str]:
    """Return the paths of the files of every node whose content is made of what the spec refers to."""
    private = {proxy.environment_path(distro)} if cluster.proxy and cluster.proxy.credentials else set[str]()
    return registries.secret_paths(distro, cluster) | private


def owned(distro: Distribution, path: str) -> bool:
    """Return whether a file of a node is one of these, wanted or not."""
    roles: tuple[Role, ...] = ("server", "agent")
    names = {
        registries.file_path(distro),
        registries.settings_path(distro),
        proxy.environment_path(distro),
        *(proxy.unit_path(distro, role) for role in roles),
    }
    return path in names or path.startswith(registries.pem_prefix(distro))
