"""Objects of the Kubernetes API as data."""

from __future__ import annotations

from kbootstrap.cluster.api.objects import read_node
from kbootstrap.spec.model import Taint
from tests.cluster.api.server import NODE


def test_read_node() -> None:
    node = read_node(NODE)
    assert (node.name, node.ready, node.version, node.etcd) == ("cp-1", False, "v1.32.0+k3s1", True)
    assert node.reason == "network plugin is not ready"
    assert node.taints[0] == Taint("dedicated", "db", "NoSchedule")
    assert node.taint_times == {"node.kubernetes.io/unreachable:NoExecute": "T"}
    assert node.applied == "{}"
    assert node.unschedulable
    assert node.heartbeat == 1795352400
    assert node.addresses == ("10.9.0.11",)


def test_read_a_node_that_has_just_registered() -> None:
    node = read_node({"metadata": {"name": "n"}})
    assert (node.ready, node.version, node.etcd, node.labels) == (False, "", None, {})
