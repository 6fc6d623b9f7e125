"""Tokens and certificates of RKE2 are rotated; a snapshot of before can still be restored."""

from __future__ import annotations

import pytest

from tests.e2e.lab import Lab, voters, wait_for
from tests.e2e.restores import listed
from tests.e2e.rke2.names import (
    AGENT,
    AGENT_2,
    AGENT_TOKEN,
    DATA,
    NEW,
    NODES,
    S1,
    S2,
    TOKEN,
    spec,
)
from tests.e2e.tokens import rotate_killed

pytestmark = [pytest.mark.full, pytest.mark.ordered]
VERSION = NEW


def test_tokens(cluster: Lab) -> None:
    lab = cluster
    lab.run("snapshot", "save", "--name", "before")
    before, agents_before = (lab.on_node(S1, f"cat {file}") for file in (TOKEN, AGENT_TOKEN))
    rotate_killed(lab, "activate the new tokens")
    assert "KB0889" in lab.run("snapshot", "restore", "-y", "before", code=5).stderr
    lab.run("apply", "-y", "spec.yaml")
    lab.nothing_to_do()
    new, agents_new = (lab.on_node(S1, f"cat {file}") for file in (TOKEN, AGENT_TOKEN))
    assert new != before
    assert agents_new != agents_before
    assert lab.on_node(S1, f"cat {DATA}/server/token").rpartition(":")[2] == new.rpartition(":")[2]
    assert lab.on_node(AGENT, f"cat {TOKEN}").endswith(f"::node:{agents_new}")
    lab.spec(spec(NEW, agents=2))
    lab.run("apply", "-y", "spec.yaml")
    assert lab.ready_nodes() == {*NODES, AGENT_2}
    lab.spec(spec(NEW))
    lab.run("apply", "-y", "spec.yaml")
    assert lab.ready_nodes() == NODES
    shared = "".join(one.read_text() for one in (lab.folder / ".kbootstrap").rglob("*.jsonl"))
    for token in (before, agents_before, new, agents_new):
        assert token.rpartition(":")[2] not in shared


def test_certificates(cluster: Lab) -> None:
    lab = cluster
    certificates = {S2: "server/tls/client-admin.crt", AGENT: "agent/client-kubelet.crt"}
    then = {name: lab.on_node(name, f"sha256sum {DATA}/{file}") for name, file in certificates.items()}
    lab.run("rotate", "certificates", "-y", "spec.yaml")
    for name, file in certificates.items():
        assert lab.on_node(name, f"sha256sum {DATA}/{file}") != then[name]
    assert lab.ready_nodes() == NODES
    wait_for("three voters", lambda: voters(lab) == 3)
    lab.nothing_to_do()


def test_a_snapshot_of_before_the_rotation(cluster: Lab) -> None:
    lab = cluster
    lab.kubectl("create", "configmap", "after-rotation")
    [kept] = {one["name"] for one in listed(lab) if one["name"].startswith("before-e2e")}
    lab.run("snapshot", "restore", "-y", kept)
    assert "after-rotation" not in lab.kubectl("get", "configmap", "-o", "name")
    lab.nothing_to_do()
