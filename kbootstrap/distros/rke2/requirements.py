"""Requirements of RKE2 for a machine. Source, unless noted otherwise: docs.rke2.io, "Requirements"."""

from __future__ import annotations

from kbootstrap.distros import requirements as kinds
from kbootstrap.distros.common import CGROUPS, folders, modules
from kbootstrap.distros.model import Role
from kbootstrap.distros.requirements import FreeSpace, Memory, Port, Program, Requirement

_EVERY: tuple[Requirement, ...] = (
    Port(10250, "TCP", "nodes", "kubelet: logs, exec, metrics"),
    Port(8472, "UDP", "nodes", "network of the pods (canal, VXLAN); closed to everything else"),
    Port(9099, "TCP", "self", "canal: health checks"),
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
        Port(2379, "TCP", "servers", "etcd: changes of the cluster's data", joining=True),
        Port(2380, "TCP", "servers", "etcd: its members among themselves", joining=True),
        Port(2381, "TCP", "self", "etcd: metrics"),
        Port(6443, "TCP", "nodes", "the Kubernetes API", joining=True, clients="where kubectl runs"),
        Port(9345, "TCP", "nodes", "nodes join through it", joining=True),
        *_EVERY,
    ),
    "agent": (
        Memory(1900, 900),
        FreeSpace("data", "/var/lib/rancher", 4000),
        FreeSpace("program", "/usr/local/bin", 300),
        *_EVERY,
    ),
}
