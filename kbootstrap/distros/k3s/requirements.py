"""Requirements of k3s for a machine. Source, unless noted otherwise: docs.k3s.io, "Requirements"."""

from __future__ import annotations

from kbootstrap.distros import requirements as kinds
from kbootstrap.distros.common import CGROUPS, folders, modules
from kbootstrap.distros.model import Role
from kbootstrap.distros.requirements import FreeSpace, Memory, Port, Program, Requirement

_EVERY: tuple[Requirement, ...] = (
    Port(10250, "TCP", "nodes", "kubelet: logs, exec, metrics"),
    Port(8472, "UDP", "nodes", "network of the pods (flannel, VXLAN); closed to everything else"),
    # k3s source, v1.32: flannel and kube-proxy need iptables; without ipset `pkg/agent/netpol` starts no
    # controller of network policies. kube-proxy up to 1.31 ends UDP flows with conntrack.
    Program("iptables", "iptables", "the rules of kube-proxy and flannel", bundled=True),
    Program("ipset", "ipset", "network policies", bundled=True, vital=False),
    Program("conntrack", "conntrack", "ending UDP flows to pods that are gone", bundled=True, vital=False),
    *modules(),
    kinds.KernelModule("vxlan", "the network of the pods between nodes"),
    *CGROUPS,
    *folders("/usr/local/bin"),
)  # fmt: skip
REQUIREMENTS: dict[Role, kinds.Requirements] = {
    # Disk: binary unpacked 250, images packed and unpacked 300, etcd 200, room for the first pods.
    "server": (
        Memory(1900, 900),
        FreeSpace("data", "/var/lib/rancher", 1500),
        FreeSpace("program", "/usr/local/bin", 150),
        Port(2379, "TCP", "servers", "etcd: changes of the cluster's data", joining=True),
        Port(2380, "TCP", "servers", "etcd: its members among themselves", joining=True),
        Port(
            6443,
            "TCP",
            "nodes",
            "the Kubernetes API; nodes join through it",
            joining=True,
            clients="where kubectl runs",
        ),
        *_EVERY,
    ),
    "agent": (
        Memory(480, 350),
        FreeSpace("data", "/var/lib/rancher", 1200),
        FreeSpace("program", "/usr/local/bin", 150),
        *_EVERY,
    ),
}
