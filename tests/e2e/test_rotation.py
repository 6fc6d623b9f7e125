"""Tokens are rotated on real k3s: who may join, and what a kill leaves."""

from __future__ import annotations

import base64
import json
import ssl
import time
import urllib.error
import urllib.request
from functools import partial

import pytest

from tests.e2e.lab import Lab, kill_now, leftovers, voters, wait_for

pytestmark = [pytest.mark.timeout(1200)]
TOKEN, AGENT_TOKEN = "/etc/rancher/k3s/kbootstrap-token", "/etc/rancher/k3s/kbootstrap-agent-token"
DATA = "/var/lib/rancher/k3s"


def spec(cluster: str, octet: int, *, servers: int, agents: int) -> str:
    return f"""\
apiVersion: kbootstrap/v1alpha1
name: e2e
clusters:
  {cluster}:
    provider: {{local: {{}}}}
    kubernetes: {{distribution: k3s, version: v1.32.0+k3s1, secrets_encryption: true}}
    network: {{cidr: 10.{octet}.0.0/16, control_plane: 10.{octet}.0.0/24, agents: 10.{octet}.4.0/22}}
    control_plane: {{nodes: {servers}}}
    pools:
      - {{name: default, nodes: {agents}}}
"""


def accepted(lab: Lab, user: str, token: str) -> bool:
    """Return whether the API's side for nodes lets somebody in with the password of a token."""
    config = json.loads(lab.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    server = config["clusters"][0]["cluster"]["server"]
    password = token.rpartition(":")[2]
    path = "server-bootstrap" if user == "server" else "config"
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 - an address of the lab
        f"{server}/v1-k3s/{path}", headers={"Authorization": f"Basic {basic}"}
    )
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(request, context=context, timeout=10):  # noqa: S310 - as above
            return True
    except urllib.error.HTTPError as error:
        if error.code not in {401, 403}:
            raise
        return False


def refused(lab: Lab, server: str) -> bool:
    """Return whether a server said that the token of before is good no more, in either way."""
    journal = lab.on_node(server, "journalctl -u k3s -n 400")
    return "encrypted with different token" in journal or "newer than datastore" in journal


def names(text: str) -> list[str]:
    """Read what `kubectl get -o name` prints."""
    return [line.rpartition("/")[2] for line in text.split()]


def nothing_to_do(lab: Lab) -> None:
    lab.run("apply", "-y", "--detailed-exitcode", "spec.yaml")


def rotate_killed(lab: Lab, moment: str) -> None:
    """Begin to rotate tokens and end it with `kill -9` once this step is done."""
    events = lab.folder / "killed.jsonl"
    process = lab.start("rotate", "tokens", "-y", "--events", events, "spec.yaml")

    def done() -> bool:
        lines = events.read_text().splitlines() if events.exists() else []
        told = (json.loads(line) for line in lines if line.endswith("}"))
        return any(one.get("step") == moment and one.get("status") == "done" for one in told)

    try:
        wait_for(f"the step '{moment}'", done, seconds=120, every=0.05)
    finally:
        kill_now(process)


def test_tokens(lab: Lab) -> None:
    cluster = "e2erot"
    server, agent = f"{cluster}-control-plane-1", f"{cluster}-default-1"
    path = lab.spec(spec(cluster, 228, servers=1, agents=1))
    try:
        lab.run("apply", "-y", path, timeout=600)
        lab.kubectl("create", "configmap", "first")
        lab.run("snapshot", "save", "--name", "before")
        before, agents_before = (lab.on_node(server, f"cat {file}") for file in (TOKEN, AGENT_TOKEN))
        assert accepted(lab, "server", before)
        assert accepted(lab, "node", agents_before)
        rotate_killed(lab, "activate the new tokens")
        lab.on_node(server, "test -e /var/lib/kbootstrap/next-tokens")
        assert "KB0889" in lab.run("snapshot", "restore", "-y", "before", code=5).stderr
        pending = lab.run("plan", "--detailed-exitcode", path, code=2)
        assert "tokens are rotated" in pending.stdout + pending.stderr
        lab.run("apply", "-y", path)
        nothing_to_do(lab)
        new, agents_new = (lab.on_node(server, f"cat {file}") for file in (TOKEN, AGENT_TOKEN))
        assert new != before
        assert lab.on_node(agent, f"cat {TOKEN}").endswith(f"::node:{agents_new}")
        for user, old, now in (("server", before, new), ("node", agents_before, agents_new)):
            assert accepted(lab, user, now)
            assert not accepted(lab, user, old)

        path = lab.spec(spec(cluster, 228, servers=1, agents=2))
        lab.run("apply", "-y", path, timeout=600)
        assert lab.ready_nodes() == {server, agent, f"{cluster}-default-2"}

        # A start after all of it: what k3s has in etcd and on its disk must agree.
        lab.on_node(server, "systemctl restart k3s")
        wait_for("all is well", lambda: lab.run("status", path, code=None).returncode == 0, seconds=90)
        assert len(lab.ready_nodes()) == 3

        certificates = {server: "server/tls/client-admin.crt", agent: "agent/client-kubelet.crt"}
        then = {name: lab.on_node(name, f"sha256sum {DATA}/{file}") for name, file in certificates.items()}
        lab.run("rotate", "certificates", "-y", path, timeout=600)
        assert len(lab.ready_nodes()) == 3, "with the kubeconfig that was written just now"
        for name, file in certificates.items():
            assert lab.on_node(name, f"sha256sum {DATA}/{file}") != then[name]
        nothing_to_do(lab)

        # A snapshot of before is encrypted with the token of before, which is kept on the server.
        lab.kubectl("create", "configmap", "later")
        listed = json.loads(lab.run("snapshot", "list", "-o", "json").stdout)["snapshots"]
        [kept] = [one["name"] for one in listed if one["name"].startswith("before")]
        lab.run("snapshot", "restore", "-y", kept, timeout=600)
        assert {"first"} == {"first", "later"} & set(names(lab.kubectl("get", "configmap", "-o", "name")))
        wait_for("all is well", lambda: lab.run("status", path, code=None).returncode == 0, seconds=120)
        lab.run("apply", "-y", path)
        nothing_to_do(lab)

        shared = "".join(one.read_text() for one in (lab.folder / ".kbootstrap").rglob("*.jsonl"))
        for token in (before, agents_before, new, agents_new):
            assert token.rpartition(":")[2] not in shared
    finally:
        lab.run("destroy", "-y", path)
        assert leftovers("e2e", cluster) == []


def test_a_server_restarts_in_the_middle(lab: Lab) -> None:
    """With three servers: two restart with the token of before and fail, and etcd has no quorum."""
    cluster = "e2erot3"
    servers = [f"{cluster}-control-plane-{n}" for n in (1, 2, 3)]
    path = lab.spec(spec(cluster, 227, servers=3, agents=1))
    try:
        lab.run("apply", "-y", path, timeout=600)
        rotate_killed(lab, "activate the new tokens")
        for name in servers[1:]:
            lab.on_node(name, "systemctl restart --no-block k3s")
        # At first the first server still lets them in with the old token: then each writes it into its
        # password file anew, which is then newer than the cluster's. Later they are not let in.
        for name in servers[1:]:
            wait_for(f"{name} to fail", partial(refused, lab, name), seconds=120)
        lab.run("rotate", "tokens", "-y", path, timeout=600)
        assert len({lab.on_node(name, f"sha256sum < {TOKEN}") for name in servers}) <= 2
        wait_for("three voters", lambda: voters(lab) == 3, seconds=60)
        nothing_to_do(lab)
        # Three servers that have just started may elect once more: then nothing is begun, and that is said.
        again = [lab.run("rotate", "tokens", "-y", path, timeout=600, code=None)]
        while again[-1].returncode == 5 and len(again) < 5:
            assert "KB0888" in again[-1].stderr
            time.sleep(5)
            again.append(lab.run("rotate", "tokens", "-y", path, timeout=600, code=None))
        assert again[-1].returncode == 0, again[-1].stderr
        assert len(lab.ready_nodes()) == 4
        nothing_to_do(lab)
    finally:
        lab.run("destroy", "-y", path)
        assert leftovers("e2e", cluster) == []
