"""Requirements of RKE2 for a machine. Source, unless noted otherwise: docs.rke2.io, "Requirements"."""

from __future__ import annotations

from kbootstrap.distros import requirements as kinds
from kbootstrap.distros.common import CGROUPS, folders, modules
from kbootstrap.distros.model import Role
from kbootstrap.distros.requirements import FreeSpace, Memory, Port, Program, Requirement
from kbootstrap.distros.rke2.networks import PodNetwork

_OWN: dict[Role, kinds.Requirements] = {
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
    ),
    "agent": (
        Memory(1900, 900),
        FreeSpace("data", "/var/lib/rancher", 4000),
        FreeSpace("program", "/usr/local/bin", 300),
    ),
}


def requirements(role: Role, network: PodNetwork) -> kinds.Requirements:
    """Return what a machine must have for a role, in a cluster with this pod network."""
    host_ports = Program("iptables", "iptables", "ports of pods on the machine (`hostPort`)")
    every: tuple[Requirement, ...] = (
        Port(10250, "TCP", "nodes", "kubelet: logs, exec, metrics"),
        *network.ports,
        # The unit unpacks the program with them.
        Program("tar", "tar", "unpacking the program"),
        Program("gzip", "gzip", "unpacking the program"),
        *([host_ports] if network.iptables else []),
        *modules(),
        kinds.KernelModule("vxlan", "the network of the pods between nodes"),
        *CGROUPS,
        *folders("/usr/local/bin"),
    )
    return (*_OWN[role], *every)
