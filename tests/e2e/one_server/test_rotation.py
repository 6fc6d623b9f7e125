"""Tokens and certificates are rotated: accepted tokens, what a kill leaves, and older snapshots.

The tests run in the order of the file.
"""

from __future__ import annotations

import pytest

from tests.e2e.lab import Lab, wait_for
from tests.e2e.one_server.names import AGENT, AGENT_2, SERVER, spec
from tests.e2e.restores import listed
from tests.e2e.tokens import AGENT_TOKEN, TOKEN, accepted, rotate_killed

pytestmark = [pytest.mark.ordered]
DATA = "/var/lib/rancher/k3s"


def names(text: str) -> list[str]:
    """Read what `kubectl get -o name` prints."""
    return [line.rpartition("/")[2] for line in text.split()]


def test_tokens(cluster: Lab) -> None:
    lab, path = cluster, "spec.yaml"
    lab.kubectl("create", "configmap", "first")
    lab.run("snapshot", "save", "--name", "before")
    before, agents_before = (lab.on_node(SERVER, f"cat {file}") for file in (TOKEN, AGENT_TOKEN))
    assert accepted(lab, "server", before)
    assert accepted(lab, "node", agents_before)
    rotate_killed(lab, "activate the new tokens")
    lab.on_node(SERVER, "test -e /var/lib/kbootstrap/next-tokens")
    assert "KB0889" in lab.run("snapshot", "restore", "-y", "before", code=5).stderr
    pending = lab.run("plan", "--detailed-exitcode", path, code=2)
    assert "tokens are rotated" in pending.stdout + pending.stderr
    lab.run("apply", "-y", path)
    lab.nothing_to_do()
    new, agents_new = (lab.on_node(SERVER, f"cat {file}") for file in (TOKEN, AGENT_TOKEN))
    assert new != before
    assert lab.on_node(AGENT, f"cat {TOKEN}").endswith(f"::node:{agents_new}")
    for user, old, now in (("server", before, new), ("node", agents_before, agents_new)):
        assert accepted(lab, user, now)
        assert not accepted(lab, user, old)

    lab.spec(spec(lab, agents=2))
    lab.run("apply", "-y", path)
    assert lab.ready_nodes() == {SERVER, AGENT, AGENT_2}

    # A start after all of it: what k3s has in etcd and on its disk must agree.
    lab.on_node(SERVER, "systemctl restart k3s")
    wait_for("all is well", lambda: lab.run("status", path, code=None).returncode == 0)
    assert len(lab.ready_nodes()) == 3

    certificates = {SERVER: "server/tls/client-admin.crt", AGENT: "agent/client-kubelet.crt"}
    then = {name: lab.on_node(name, f"sha256sum {DATA}/{file}") for name, file in certificates.items()}
    lab.run("rotate", "certificates", "-y", path)
    assert len(lab.ready_nodes()) == 3, "with the kubeconfig that was written just now"
    for name, file in certificates.items():
        assert lab.on_node(name, f"sha256sum {DATA}/{file}") != then[name]
    lab.nothing_to_do()

    shared = "".join(one.read_text() for one in (lab.folder / ".kbootstrap").rglob("*.jsonl"))
    for token in (before, agents_before, new, agents_new):
        assert token.rpartition(":")[2] not in shared


@pytest.mark.full
def test_a_snapshot_of_before_the_rotation(cluster: Lab) -> None:
    """It is encrypted with the token of before, which is kept on the server.

    A usual run restores snapshots whose token is in force (`test_snapshots.py`).
    """
    lab = cluster
    lab.kubectl("create", "configmap", "later")
    [kept] = {
        one["name"] for one in listed(lab) if one["name"].startswith("before")
    }  # on the server, in the bucket
    lab.run("snapshot", "restore", "-y", kept)
    assert {"first"} == {"first", "later"} & set(names(lab.kubectl("get", "configmap", "-o", "name")))
    wait_for("all is well", lambda: lab.run("status", "spec.yaml", code=None).returncode == 0)
    lab.run("apply", "-y", "spec.yaml")
    lab.nothing_to_do()
