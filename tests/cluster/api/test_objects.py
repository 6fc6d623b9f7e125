"""Objects of the Kubernetes API as data."""

from __future__ import annotations

from kbootstrap.cluster.api.objects import read_node
from kbootstrap.cluster.state.api_facts import ApiFacts
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


def test_a_node_that_lacks_only_its_network() -> None:
    message = (
        "container runtime network not ready: NetworkPluginNotReady message:Network plugin returns error: "
    )
    ready = {"type": "Ready", "status": "False", "message": f"{message}cni plugin not initialized"}
    node = read_node({"metadata": {"name": "n"}, "status": {"conditions": [ready]}})
    assert (node.ready, node.lacks_network) == (False, True)
    assert node.without_network().ready
    assert node.without_network().reason == ""
    other = read_node(
        {"metadata": {"name": "n"}, "status": {"conditions": [{**ready, "message": "PLEG is not healthy"}]}}
    )
    assert not other.lacks_network
    assert not other.without_network().ready
    silent = read_node(
        {"metadata": {"name": "n"}, "status": {"conditions": [{**ready, "status": "Unknown"}]}}
    )
    assert not silent.without_network().ready
    assert ApiFacts({"n": node}).without_network().nodes["n"].ready
