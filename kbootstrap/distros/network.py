"""What the network of the pods leaves on a machine when the service is taken off it. Pure data.

Names of interfaces: flannel, `pkg/backend`; Calico, "Felix configuration" (`InterfacePrefix`). Chains are of
kube-proxy and of the CNI plugins `portmap` and `firewall`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkLeftovers:
    """What an uninstallation removes.

    `bridge`: what is attached to this interface goes with it. `links` are interfaces by their whole names,
    `prefixes` the beginnings of names. `rules` and `sets` are extended regular expressions: lines of
    `iptables-save`, and names of ipsets. `folders` hold the network's state.
    """

    bridge: str
    links: tuple[str, ...]
    prefixes: tuple[str, ...]
    rules: str
    sets: str
    folders: tuple[str, ...]


FLANNEL = NetworkLeftovers(
    bridge="cni0",
    links=("cni0", "flannel.1", "flannel-v6.1", "flannel-wg", "flannel-wg-v6", "kube-ipvs0"),
    prefixes=(),
    rules="KUBE-|CNI-|FLANNEL-|flanneld",
    sets="^(inet6:)?KUBE-",
    folders=("/var/lib/cni", "/run/flannel"),
)
CANAL = NetworkLeftovers(
    bridge="cni0",
    links=FLANNEL.links,
    prefixes=("cali",),
    rules=f"{FLANNEL.rules}|cali-|cali:",
    sets="^(inet6:)?(KUBE-|cali)",
    folders=(*FLANNEL.folders, "/var/lib/calico", "/run/calico"),
)
