"""Requirements of RKE2 for a machine. Source, unless noted otherwise: docs.rke2.io, "Requirements"."""

from __future__ import annotations

from kbootstrap.distros import requirements as kinds
from kbootstrap.distros.common import CGROUPS, folders, modules
from kbootstrap.distros.model import Role
from kbootstrap.distros.requirements import FreeSpace, Memory, Port, Program, Requirement

_NODES = "every node"
_SERVERS = "the other servers"
_EVERY: tuple[Requirement, ...] = (
    Port(10250, "TCP", _NODES, "kubelet: logs, exec, metrics"),
    Port(8472, "UDP", _NODES, "network of the pods (canal, VXLAN); closed to everything else"),
    Port(9099, "TCP", "the node itself", "canal: health checks"),
    # The unit unpacks the program with them.
    Program("tar", "tar", "unpacking the program"),
    Program("gzip", "gzip", "unpacking the program"),
    *modules(),
    kinds.KernelModule("vxlan", "the network of the pods between nodes"),
    *CGROUPS,
    *folders("/usr/local/bin"),
)
REQUIREMENTS: dict[Role, kinds.Requirements] = {
    # The images of the control plane alone take 3 GB unpacked.
    "server": (
        Memory(3800, 1900),
        FreeSpace("data", "/var/lib/rancher", 6000),
        FreeSpace("program", "/usr/local/bin", 300),
        Port(2379, "TCP", _SERVERS, "etcd"),
        Port(2380, "TCP", _SERVERS, "etcd"),
        Port(2381, "TCP", "the node itself", "etcd: metrics"),
        Port(6443, "TCP", f"{_NODES}, and where kubectl runs", "the Kubernetes API"),
        Port(9345, "TCP", _NODES, "nodes join through it"),
        *_EVERY,
    ),
    "agent": (
        Memory(1900, 900),
        FreeSpace("data", "/var/lib/rancher", 4000),
        FreeSpace("program", "/usr/local/bin", 300),
        *_EVERY,
    ),
}
