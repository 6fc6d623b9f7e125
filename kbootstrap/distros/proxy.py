"""The HTTP proxy of a node's service: its environment, and what is reached without the proxy. Pure.

The distribution's program passes its environment on to containerd and to what else it starts (docs.k3s.io,
"Configuring an HTTP proxy"). etcd, too, uses the proxy of its environment between members, so the addresses
of the cluster must be among the exceptions.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from urllib.parse import quote

from kbootstrap.distros.model import Distribution, NodeFile, Role
from kbootstrap.distros.yaml_files import HEADER
from kbootstrap.spec.format_network import ENDPOINTS
from kbootstrap.spec.logins import Login
from kbootstrap.spec.model import Cluster, NodeProxy

_ALWAYS = ("localhost", "127.0.0.0/8", ".svc", ".cluster.local")
_NOTE = "# HTTP proxy of the spec, with its credentials.\n"
"""First line of a file with secrets; see `registries.py`."""


def environment_path(distro: Distribution) -> str:
    """Return the path of the file with the environment of the service."""
    return f"{distro.paths.etc}/kbootstrap-proxy.env"


def unit_path(distro: Distribution, role: Role) -> str:
    """Return the path of the unit's drop-in that reads this file."""
    return f"/etc/systemd/system/{distro.unit(role)}.d/20-kbootstrap-proxy.conf"


def files(distro: Distribution, cluster: Cluster, role: Role) -> tuple[NodeFile, ...]:
    """Return the files of a node without secrets."""
    if cluster.proxy is None:
        return ()
    path = environment_path(distro)
    unit = NodeFile(unit_path(distro, role), f"{HEADER}[Service]\nEnvironmentFile={path}\n", 0o644)
    if cluster.proxy.credentials:
        return (unit,)
    text = HEADER + _text(cluster.proxy.url, exceptions(cluster, role))
    return (unit, NodeFile(path, text, 0o600))


def secret_text(found: NodeProxy, login: Login, direct: tuple[str, ...]) -> str:
    """Return the file with the environment of the service, with credentials; `direct` is the exceptions."""
    scheme, _, rest = found.url.partition("://")
    user, password = (quote(one, safe="") for one in (login.username, login.password))
    return _NOTE + _text(f"{scheme}://{user}:{password}@{rest}", direct)


def exceptions(cluster: Cluster, role: Role) -> tuple[str, ...]:
    """Return what a node reaches without the proxy: everything in the cluster, and what the spec adds.

    Machines with addresses of their own are listed one by one, unless the spec adds their network; agents
    connect to servers only, unless nodes give each other images.
    """
    kubernetes, own = cluster.kubernetes, list[str]()
    if cluster.network:
        own.append(str(cluster.network.cidr))
    embedded = cluster.registries is not None and cluster.registries.embedded
    pools = (cluster.control_plane, *(cluster.pools if role == "server" or embedded else ()))
    own += [host.address for pool in pools for host in pool.hosts]
    if cluster.api.endpoint and cluster.api.endpoint not in ENDPOINTS:
        own.append(cluster.api.endpoint)
    added = cluster.proxy.exceptions if cluster.proxy else ()
    wide = (*_ALWAYS, str(kubernetes.pod_cidr), str(kubernetes.service_cidr), *added)
    networks = [IPv4Network(one) for one in (*own, *wide) if "/" in one]
    needed = [one for one in own if not _inside(one, networks)]
    return tuple(dict.fromkeys((*wide, *needed)))


def _inside(address: str, networks: list[IPv4Network]) -> bool:
    try:
        return any(IPv4Address(address) in network for network in networks)
    except ValueError:
        return False


def _text(url: str, direct: tuple[str, ...]) -> str:
    return f"HTTP_PROXY={url}\nHTTPS_PROXY={url}\nNO_PROXY={','.join(direct)}\n"
