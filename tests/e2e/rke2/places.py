"""Where RKE2 has its things on machines, and what Secrets it makes."""

from __future__ import annotations

from collections.abc import Sequence

from tests.e2e.lab import Lab
from tests.e2e.rke2.names import DATA


def placed(lab: Lab, version: str, servers: Sequence[str], agent: str) -> None:
    """See that everything of a version is where RKE2 has it, and nothing is where k3s would have it."""
    for node in (*servers, agent):
        unit = "rke2-agent" if node == agent else "rke2-server"
        assert lab.on_node(node, f"systemctl is-active {unit}") == "active"
        data = f"{DATA}/data/{version.replace('+', '-')}-"
        assert lab.on_node(node, f"readlink {DATA}/bin").startswith(data)
        lab.on_node(
            node,
            "test ! -e /var/lib/rancher/k3s && test ! -e /usr/local/lib/systemd/system/rke2-server.service",
        )
        journal = lab.on_node(node, f"journalctl -u {unit} -o cat")
        assert "Unknown flag" not in journal, "a key that RKE2 does not know"
    first = servers[0]
    listening = lab.on_node(first, "ss -ltnH | awk '{ print $4 }'")
    assert {"6443", "9345", "2379", "2380"} <= {line.rpartition(":")[2] for line in listening.split()}
    assert "server:" not in lab.on_node(first, "cat /etc/rancher/rke2/config.yaml.d/50-kbootstrap-join.yaml")
    assert lab.on_node(first, "/usr/local/bin/rke2 kubectl get nodes; echo $?").endswith("3")
    assert "Ready" in lab.on_node(
        first, f"{DATA}/bin/kubectl --kubeconfig /etc/rancher/rke2/rke2.yaml get nodes"
    )
    assert "rke2" in lab.on_node(
        agent, f"{DATA}/bin/ctr -a /run/k3s/containerd/containerd.sock -n k8s.io images ls -q"
    )


def passwords(lab: Lab) -> set[str]:
    """Return the nodes that have a password under RKE2's name."""
    names = (one["metadata"]["name"] for one in lab.get("-n", "kube-system", "secrets")["items"])
    suffix = ".node-password.rke2"
    return {name.removesuffix(suffix) for name in names if name.endswith(suffix)}
