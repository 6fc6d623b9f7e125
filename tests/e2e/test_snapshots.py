"""Snapshots on real parts: k3s, and a real S3 server that the nodes reach through the engine's network.

The server is versitygw, built by `.ci/setup-tests`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.lab import Lab, kill_now, leftovers, need, program, wait_for

pytestmark = [pytest.mark.timeout(1200)]
CLUSTER = "e2esnap"
GATEWAY = "10.239.0.1"
"""The engine gives its own side of a cluster's network the first address."""
KEYS = {"E2E_S3_ACCESS_KEY": "e2ekey", "E2E_S3_SECRET_KEY": "e2e-secret-key-0001", "E2E_PASS": "open-sesame"}


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """An S3 server with one bucket; its port."""
    found = program("versitygw")
    need(found, "versitygw, an S3 server")
    (tmp_path / "s3" / "e2e-etcd").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        number = int(probe.getsockname()[1])
    keys = {"ROOT_ACCESS_KEY": KEYS["E2E_S3_ACCESS_KEY"], "ROOT_SECRET_KEY": KEYS["E2E_S3_SECRET_KEY"]}
    process = subprocess.Popen(
        [str(found), "--port", f"0.0.0.0:{number}", "posix", str(tmp_path / "s3")],
        env=os.environ | keys,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield number
    finally:
        process.terminate()
        process.wait()


def spec(port: int, servers: int) -> str:
    return f"""\
apiVersion: kbootstrap/v1alpha1
name: e2e
clusters:
  {CLUSTER}:
    provider: {{local: {{}}}}
    kubernetes: {{distribution: k3s, version: v1.32.0+k3s1, secrets_encryption: true}}
    network: {{cidr: 10.239.0.0/16, control_plane: 10.239.0.0/24, agents: 10.239.4.0/22}}
    control_plane: {{nodes: {servers}}}
    pools:
      - {{name: default, nodes: 1}}
    snapshots:
      passphrase: {{env: E2E_PASS}}
      s3:
        bucket: e2e-etcd
        endpoint: "{GATEWAY}:{port}"
        folder: lab
        insecure: true
        credentials: {{env: E2E_S3}}
"""


def nodes_of(servers: int) -> set[str]:
    return {f"{CLUSTER}-control-plane-{n}" for n in range(1, servers + 1)} | {f"{CLUSTER}-default-1"}


def has(lab: Lab, name: str) -> bool:
    return name in lab.kubectl("get", "configmap", "-o", "name")


def is_as_it_was(lab: Lab, servers: int) -> None:
    """The first data is there, later data is not; all nodes are Ready, and nothing is left to do."""
    assert has(lab, "first")
    assert not has(lab, "later")
    wait_for("all nodes", lambda: lab.ready_nodes() == nodes_of(servers), seconds=60)
    lab.run("apply", "-y", "--detailed-exitcode", "spec.yaml")


def restore_killed(lab: Lab, source: str, moment: str) -> None:
    """Begin a restore and end it with `kill -9` when an event tells of this step."""
    events = lab.folder / "killed.jsonl"
    events.unlink(missing_ok=True)
    process = lab.start("snapshot", "restore", "-y", "--events", events, source)
    try:
        wait_for(
            f"the step '{moment}'", lambda: events.exists() and moment in events.read_text(), seconds=120
        )
    finally:
        kill_now(process)


def rehearsed(lab: Lab, kept: Path) -> None:
    """A rehearsal shows what is in the snapshot, leaves nothing, and its cluster does not hear of it."""
    server, twin = f"{CLUSTER}-control-plane-1", f"{CLUSTER}-rehearsal"
    lease = "cat /run/kbootstrap/lease"
    before = (lab.on_node(server, lease), (lab.folder / "kubeconfig").read_bytes())

    def alone() -> bool:
        return leftovers("e2e-rehearsal", twin) == [] and before == (
            lab.on_node(server, lease),
            (lab.folder / "kubeconfig").read_bytes(),
        )

    rehearsal = ("snapshot", "restore", "spec.yaml", "s3", "--into", "local")
    told = json.loads(lab.run(*rehearsal, "-o", "json").stdout)
    assert told["snapshot"]["place"] == "s3"
    assert set(told["nodes"]) == nodes_of(1)
    assert told["workloads"]["CronJob"] == ["default/act"]
    assert told["counts"]["Secret"] > 0
    assert told["kept"] is None
    assert alone()

    process = lab.start("snapshot", "restore", kept, "--into", "local", "--events", "rehearsal.jsonl")
    events = lab.folder / "rehearsal.jsonl"
    begun = f"restore {kept.name}"
    wait_for("the restore", lambda: events.exists() and begun in events.read_text(), seconds=120)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 130
    assert alone()

    shown = lab.run("snapshot", "restore", kept, "--into", "local", "--keep").stdout
    spec = next((lab.folder / ".kbootstrap").rglob("rehearsal.yaml"))
    assert f"kbootstrap destroy {spec}" in shown
    node = f"{twin}-control-plane-1"
    kubectl = "k3s kubectl get -A -o name"
    assert "configmap/first" in lab.on_node(node, f"{kubectl} configmaps")
    assert "configmap/later" not in lab.on_node(node, f"{kubectl} configmaps")
    assert "pod/" not in lab.on_node(node, f"{kubectl} pods --field-selector spec.nodeName={node}")
    assert lab.on_node(node, "ps -e -o comm= | grep -c containerd || :") == "0"
    reach = f"timeout 5 bash -c 'echo > /dev/tcp/{GATEWAY}/$0' {{}} 2>&1 || echo refused"
    assert "refused" in lab.on_node(node, reach.format(lab.extra["E2E_PORT"]))
    assert "refused" not in lab.on_node(server, reach.format(lab.extra["E2E_PORT"]))
    assert "KB0894" in lab.run(*rehearsal, code=5).stderr
    assert "KB0893" in lab.run("apply", "-y", spec, code=8).stderr
    lab.run("destroy", "-y", spec)
    assert alone()


@pytest.mark.parametrize("servers", [1, 3])
def test_saved_lost_and_restored(lab: Lab, port: int, servers: int) -> None:
    lab.extra |= KEYS | {"E2E_PORT": str(port)}
    path = lab.spec(spec(port, servers))
    try:
        lab.run("apply", "-y", path, timeout=600)
        lab.kubectl("create", "configmap", "first")
        cron = ("cronjob", "act", "--image", "nowhere.invalid/act", "--schedule", "* * * * *")
        lab.kubectl("create", *cron)
        lab.run("snapshot", "save", "--to", lab.folder / "kept")
        listed = json.loads(lab.run("snapshot", "list", "-o", "json").stdout)
        assert {one["place"] for one in listed["snapshots"]} == {f"{CLUSTER}-control-plane-1", "s3"}
        assert listed["problems"] == {}
        lab.kubectl("create", "configmap", "later")
        if servers == 1:
            rehearsed(lab, next(one for one in (lab.folder / "kept").iterdir() if one.suffix != ".json"))

        restore_killed(lab, "s3", "remove stale Node objects")
        refused = lab.run("apply", "-y", path, code=8)
        assert "KB0870" in refused.stderr
        lab.run("snapshot", "restore", "-y", "s3")
        is_as_it_was(lab, servers)
        if servers > 1:
            return

        lab.run("destroy", "-y", path)
        lab.run("apply", "-y", path, timeout=600)
        assert not has(lab, "first")
        kept = next(one for one in (lab.folder / "kept").iterdir() if one.suffix != ".json")
        lab.extra["E2E_PASS"] = "wrong"
        assert "KB0872" in lab.run("snapshot", "restore", "-y", kept, code=4).stderr
        assert lab.ready_nodes() == nodes_of(servers)
        lab.extra["E2E_PASS"] = KEYS["E2E_PASS"]
        restore_killed(lab, str(kept), f"restore {kept.name}")
        lab.run("snapshot", "restore", "-y", kept)
        is_as_it_was(lab, servers)
        shared = "".join(one.read_text() for one in (lab.folder / ".kbootstrap").rglob("*.jsonl"))
        assert not any(secret in shared for secret in (KEYS["E2E_S3_SECRET_KEY"], KEYS["E2E_PASS"]))
        lab.run("snapshot", "delete", "-y", kept.name)
        assert json.loads(lab.run("snapshot", "list", "-o", "json").stdout)["snapshots"] == []
    finally:
        lab.run("destroy", "-y", path)
        assert leftovers("e2e", CLUSTER) == []
