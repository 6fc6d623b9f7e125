"""The node that a group would add: what the scheduler is simulated with before there is one. Pure.

A group of size zero has no node to look at, so a pod gets a node only if this template fits it: labels,
taints, and what a kubelet of such a machine would report as allocatable.
"""

from __future__ import annotations

from collections.abc import Callable

from kbootstrap.autoscaler.model import Group
from kbootstrap.autoscaler.wire import Message, MessageClass
from kbootstrap.providers.elastic import Shape
from kbootstrap.spec.system_labels import HOSTNAME

GROUP = "kbootstrap/group"
"""Annotation of template nodes: the ID of their group."""
PODS = 110
"""The kubelet's default of `maxPods`."""
_MIB, _GIB = 2**20, 2**30
_KERNEL_SHARE, _KERNEL_MIB = 0.03, 64
"""What the kernel keeps of a machine's memory: page structures and its own image. A little more than was seen
on virtual machines of 2 to 64 GiB, because a template that is too large adds nodes that no pod fits on."""
_EVICTION_MIB = 100
"""The kubelet's default threshold of `memory.available`, which is not allocatable."""
_FILE_SYSTEM, _DISK_EVICTION = 0.93, 0.05
"""What is left of a disk for the root file system (boot partitions, ext4's own data), and the share of it
that k3s and RKE2 set as `nodefs.available` threshold."""


def template(group: Group, shape: Shape, kubernetes: Callable[[str], MessageClass]) -> Message:
    """Return a Node; `kubernetes` returns the class of a message (`wire.messages.kubernetes`)."""
    name = f"{group.prefix}new"
    node = kubernetes("Node")()
    node.metadata.name = name
    node.metadata.labels.update(labels(group, shape, name))
    node.metadata.annotations[GROUP] = group.id
    for taint in group.taints:
        node.spec.taints.add(key=taint.key, value=taint.value, effect=taint.effect)
    capacity, allocatable = resources(shape)
    for key in capacity:
        node.status.capacity[key].string = capacity[key]
        node.status.allocatable[key].string = allocatable[key]
    node.status.conditions.add(type="Ready", status="True")
    node.status.nodeInfo.operatingSystem = "linux"
    node.status.nodeInfo.architecture = shape.arch
    return node


def labels(group: Group, shape: Shape, name: str) -> dict[str, str]:
    """Return the labels of a new node: those that the kubelet sets, the infrastructure's, and the pool's."""
    system = {
        HOSTNAME: name,
        **{f"{prefix}kubernetes.io/os": "linux" for prefix in ("", "beta.")},
        **{f"{prefix}kubernetes.io/arch": shape.arch for prefix in ("", "beta.")},
    }
    return {**system, **shape.labels, **group.labels}


def resources(shape: Shape) -> tuple[dict[str, str], dict[str, str]]:
    """Return capacity and allocatable resources of a machine, as quantities."""
    memory = int(shape.memory_mib * (1 - _KERNEL_SHARE)) - _KERNEL_MIB
    disk = int(shape.disk_gib * _GIB * _FILE_SYSTEM)
    capacity = {
        "cpu": str(shape.cpus),
        "memory": str(memory * _MIB),
        "ephemeral-storage": str(disk),
        "pods": str(PODS),
    }
    allocatable = {
        **capacity,
        "memory": str((memory - _EVICTION_MIB) * _MIB),
        "ephemeral-storage": str(int(disk * (1 - _DISK_EVICTION))),
    }
    return capacity, allocatable
