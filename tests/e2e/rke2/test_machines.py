"""Nodes of RKE2 are replaced, removed and uninstalled, also by runs that are killed."""

from __future__ import annotations

import pytest

from kbootstrap.cluster.converge.uninstall import script
from tests.e2e.crash import Boundary, Living, crash
from tests.e2e.lab import Lab, voters, wait_for
from tests.e2e.rke2.names import AGENT, DATA, NEW, NODES, RELEASE, S1, S3, C, spec

pytestmark = [pytest.mark.full]
VERSION = NEW
LEFT = f"""\
ls -d /usr/local/bin/rke2* /usr/local/share/rke2 {DATA} /run/k3s /var/lib/kbootstrap 2>/dev/null
ls /etc/rancher/rke2/config.yaml /etc/rancher/rke2/*token* 2>/dev/null
grep -E ' /run/k3s/| {DATA}/| /var/lib/kubelet/' /proc/self/mountinfo
ip -o link show | grep -E 'flannel|cni0|cali'
ls -l /proc/[0-9]*/exe 2>/dev/null | grep {DATA}/
true
"""


def test_an_agent_is_replaced_after_a_kill(cluster: Lab, living: Living) -> None:
    before = cluster.on_node(AGENT, "cat /etc/machine-id")
    authority = living.authority()
    command = ("replace", "-y", "-o", "json", "spec.yaml", AGENT)
    assert crash(cluster, command, Boundary("delete the old Node object", "done", AGENT), "kbootstrap", AGENT)
    living.heal(NODES, authority=authority, data=None)
    cluster.run("replace", "-y", "spec.yaml", AGENT)
    assert cluster.on_node(AGENT, "cat /etc/machine-id") != before
    cluster.nothing_to_do()


def test_kubernetes_is_taken_off_a_machine(cluster: Lab) -> None:
    """What `destroy` does on machines that stay; here the next apply makes a node of it again."""
    cluster.kubectl("drain", AGENT, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=300s")
    said = cluster.on_node(AGENT, script(RELEASE.distribution, C))
    assert said.endswith("kbootstrap-uninstall removed")
    assert cluster.on_node(AGENT, LEFT) == ""
    cluster.run("apply", "-y", "spec.yaml")
    assert cluster.ready_nodes() == NODES
    cluster.nothing_to_do()


def test_the_first_server_is_replaced(cluster: Lab, living: Living) -> None:
    before, authority = cluster.on_node(S1, "cat /etc/machine-id"), living.authority()
    cluster.run("replace", "-y", "spec.yaml", S1)
    assert cluster.on_node(S1, "cat /etc/machine-id") != before
    wait_for("three voters", lambda: voters(cluster) == 3)
    assert living.authority() == authority
    cluster.nothing_to_do()


def test_servers_go_and_come_back(cluster: Lab, living: Living) -> None:
    authority = living.authority()
    cluster.spec(spec(NEW, servers=1))
    command = ("apply", "-y", "-o", "json", "spec.yaml")
    assert crash(cluster, command, Boundary("stop rke2-server.service", "done", S3), "kbootstrap", S3)
    cluster.run("apply", "-y", "spec.yaml")
    wait_for("one voter", lambda: voters(cluster) == 1)
    assert cluster.ready_nodes() == {S1, AGENT}
    cluster.spec(spec(NEW))
    cluster.run("apply", "-y", "spec.yaml")
    wait_for("three voters", lambda: voters(cluster) == 3)
    assert living.authority() == authority
    cluster.nothing_to_do()
