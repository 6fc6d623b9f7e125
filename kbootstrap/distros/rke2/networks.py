"""The pod networks that RKE2 can install: their ports and images, and what they leave on a machine.

Sources: docs.rke2.io, "Network Options", "Requirements" (ports); RKE2's `rke2-killall.sh` and
`rke2-uninstall.sh` (interfaces, rules, folders); docs.k3s.io, "Uninstalling" (Cilium's interfaces go first).
All of them encapsulate in VXLAN by default. Cilium's nodes also ping each other.
"""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.distros.network import FLANNEL, NetworkLeftovers
from kbootstrap.distros.requirements import Port

DEFAULT = "canal"
NONE = "none"
_CNI = ("/var/lib/cni", "/etc/cni/net.d", "/opt/cni/bin")
_EVERY = ("kube-ipvs0", "nodelocaldns")
_RULES = "KUBE-|CNI-"
_CALICO = ("/var/lib/calico", "/run/calico", "/var/log/calico")
_CILIUM = ("cilium_host", "cilium_net", "cilium_vxlan", "cilium_wg0")
_OF_PODS = "lxc" + "[0-9a-f]" * 12
"""The names of Cilium's interfaces for pods; `lxc…` alone would also match those of LXC."""


@dataclass(frozen=True, slots=True)
class PodNetwork:
    """One value of the key `cni`. `ports` are those of every node."""

    leftovers: NetworkLeftovers
    ports: tuple[Port, ...] = ()
    iptables: bool = False
    """Whether the machine must have iptables: the plugin for host ports calls it."""
    follows_route: bool = False
    """Whether it uses the interface of the default route, whatever the address of the node."""
    namespaces: tuple[str, ...] = ()
    """Where its pods are, besides `kube-system`."""


def _vxlan(number: int, name: str) -> Port:
    return Port(number, "UDP", "nodes", f"network of the pods ({name}, VXLAN); closed to everything else")


NETWORKS = {
    "canal": PodNetwork(
        NetworkLeftovers(
            bridge="cni0",
            links=(*FLANNEL.links, "nodelocaldns"),
            globs=("cali*",),
            rules=f"{FLANNEL.rules}|cali-|cali:",
            sets="^(inet6:)?(KUBE-|cali)",
            folders=(*_CNI, "/run/flannel", *_CALICO),
            overlay=FLANNEL.overlay,
        ),
        (_vxlan(8472, "canal"), Port(9099, "TCP", "self", "canal: health checks")),
        iptables=True,
        follows_route=True,
    ),
    "calico": PodNetwork(
        NetworkLeftovers(
            bridge="",
            links=("vxlan.calico", "vxlan-v6.calico", "wireguard.cali", "wg-v6.cali", *_EVERY),
            globs=("cali*",),
            rules=f"{_RULES}|cali-|cali:",
            sets="^(inet6:)?(KUBE-|cali)",
            folders=(*_CNI, *_CALICO),
            overlay="vxlan.calico",
        ),
        (
            _vxlan(4789, "Calico"),
            Port(5473, "TCP", "nodes", "Calico: Typha"),
            Port(9098, "TCP", "self", "Calico: health checks of Typha"),
            Port(9099, "TCP", "self", "Calico: health checks"),
        ),
        namespaces=("calico-system", "tigera-operator"),
    ),
    "cilium": PodNetwork(
        NetworkLeftovers(
            bridge="",
            links=(*_CILIUM, *_EVERY),
            globs=("lxc_health", _OF_PODS),
            rules=f"{_RULES}|CILIUM_|cilium",
            sets="^(inet6:)?(KUBE-|cilium)",
            folders=(*_CNI, "/run/cilium", "/var/lib/cilium", "/sys/fs/bpf/cilium", "/sys/fs/bpf/tc/globals"),
            overlay="",
            first=_CILIUM,
        ),
        (_vxlan(8472, "Cilium"), Port(4240, "TCP", "nodes", "Cilium: health checks, besides ping")),
    ),
    "flannel": PodNetwork(
        NetworkLeftovers(
            bridge="cni0",
            links=("cni0", "flannel.4096", "flannel-v6.4096", "flannel-wg", "flannel-wg-v6", *_EVERY),
            globs=(),
            rules=FLANNEL.rules,
            sets=FLANNEL.sets,
            folders=(*_CNI, "/run/flannel"),
            overlay="flannel.4096",
        ),
        (_vxlan(4789, "flannel"),),
        iptables=True,
        follows_route=True,
    ),
    NONE: PodNetwork(
        NetworkLeftovers(
            bridge="",
            links=_EVERY,
            globs=(),
            rules=_RULES,
            sets="^(inet6:)?KUBE-",
            folders=_CNI,
            overlay="",
        )
    ),
}
"""By the value of the key. With `none` the operator installs a network, and what it leaves is not known."""
