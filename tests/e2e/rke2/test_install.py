"""Three servers and an agent of RKE2 (the stand-in): what is where, and an apply with nothing to do."""

from __future__ import annotations

import json

from tests.e2e.crash import Living
from tests.e2e.lab import Lab, voters, wait_for
from tests.e2e.rke2.names import AGENT, DATA, NODES, OLD, S1, S2, SERVERS, nothing_to_do, versions

VERSION = OLD


def test_the_first_apply_was_killed_and_healed(cluster: Lab, living: Living) -> None:
    assert (cluster.folder / "killed.came").read_text() == "True"
    assert cluster.ready_nodes() == NODES
    assert versions(cluster) == dict.fromkeys(NODES, OLD)
    wait_for("three voters", lambda: voters(cluster) == 3)
    assert living.authority()
    nothing_to_do(cluster)


def test_everything_is_where_rke2_has_it(cluster: Lab) -> None:
    lab = cluster
    for node in NODES:
        unit = "rke2-agent" if node == AGENT else "rke2-server"
        assert lab.on_node(node, f"systemctl is-active {unit}") == "active"
        assert lab.on_node(node, f"readlink {DATA}/bin").startswith(f"{DATA}/data/v1.31.0-rke2r1-")
        lab.on_node(
            node,
            "test ! -e /var/lib/rancher/k3s && test ! -e /usr/local/lib/systemd/system/rke2-server.service",
        )
        journal = lab.on_node(node, f"journalctl -u {unit} -o cat")
        assert "Unknown flag" not in journal, "a key that RKE2 does not know"
    listening = lab.on_node(S1, "ss -ltnH | awk '{ print $4 }'")
    assert {"6443", "9345", "2379", "2380"} <= {line.rpartition(":")[2] for line in listening.split()}
    assert lab.on_node(S2, "cat /etc/rancher/rke2/config.yaml.d/50-kbootstrap-join.yaml").endswith(":9345")
    assert "server:" not in lab.on_node(S1, "cat /etc/rancher/rke2/config.yaml.d/50-kbootstrap-join.yaml")
    assert lab.on_node(S1, "/usr/local/bin/rke2 kubectl get nodes; echo $?").endswith("3")
    assert "Ready" in lab.on_node(
        S1, f"{DATA}/bin/kubectl --kubeconfig /etc/rancher/rke2/rke2.yaml get nodes"
    )
    assert "rke2" in lab.on_node(
        AGENT, f"{DATA}/bin/ctr -a /run/k3s/containerd/containerd.sock -n k8s.io images ls -q"
    )


def test_nodes_have_passwords_under_rke2s_name(cluster: Lab) -> None:
    names = {one["metadata"]["name"] for one in cluster.get("-n", "kube-system", "secrets")["items"]}
    assert {f"{node}.node-password.rke2" for node in NODES} <= names


def test_status_sees_all_of_it(cluster: Lab) -> None:
    wait_for("all is well", lambda: cluster.run("status", "spec.yaml", code=None).returncode == 0)
    shown = json.loads(cluster.run("status", "-o", "json", "spec.yaml").stdout)
    assert OLD in json.dumps(shown)
    assert all(name in json.dumps(shown) for name in SERVERS)
