"""The pod network on a machine: its interface, and its leftovers after an uninstallation. Pure data.

Names of interfaces: flannel, `pkg/backend`; Calico, "Felix configuration" (`InterfacePrefix`). Chains are of
kube-proxy and of the CNI plugins `portmap` and `firewall`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkLeftovers:
    """The leftovers that an uninstallation removes, and `overlay`: the interface that links nodes.

    `bridge`: interfaces attached to this bridge are removed with it. `links` are full names of interfaces,
    `globs` are patterns of names, for the shell. `rules` and `sets` are extended regular expressions for
    lines of `iptables-save` and names of ipsets. `folders` contain the network's state; file systems below
    them are its own. `first` are interfaces that are removed before the network's programs end, because the
    machine could lose its own network otherwise. `overlay` is empty where an address of another node in it
    does not follow from the routes.
    """

    bridge: str
    links: tuple[str, ...]
    globs: tuple[str, ...]
    rules: str
    sets: str
    folders: tuple[str, ...]
    overlay: str
    first: tuple[str, ...] = ()


FLANNEL = NetworkLeftovers(
    bridge="cni0",
    links=("cni0", "flannel.1", "flannel-v6.1", "flannel-wg", "flannel-wg-v6", "kube-ipvs0"),
    globs=(),
    rules="KUBE-|CNI-|FLANNEL-|flanneld",
    sets="^(inet6:)?KUBE-",
    folders=("/var/lib/cni", "/run/flannel"),
    overlay="flannel.1",
)
