"""One small cluster as its operator meets it: what is there, and what changes outside."""

from __future__ import annotations

import json
import signal
import stat

import pytest

from tests.e2e.lab import Lab, wait_for
from tests.e2e.newcomer.names import AGENT, SERVER, C, plain, restarted, status

SPEC = plain


def test_the_kubeconfig_is_private_and_current(cluster: Lab) -> None:
    own = cluster.folder / ".kbootstrap" / f"{C}.run" / "kubeconfig"
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    assert cluster.kubectl("config", "current-context").strip() == f"kbootstrap-dev/{C}"
    assert cluster.run("kubeconfig", "spec.yaml").stdout == own.read_text()


def test_a_second_apply_does_nothing(cluster: Lab) -> None:
    done = cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
    assert "nothing to do" in done.stderr.lower()


def test_nodes_share_what_is_unpacked(cluster: Lab) -> None:
    """Programs and layers are links into the volume of all nodes, and the service imports nothing."""
    shared = "/usr/local/lib/kbootstrap/shared/"
    for node in (SERVER, AGENT):
        said = cluster.on_node(node, "readlink -f /usr/local/bin/k3s /var/lib/rancher/k3s/data/current")
        assert [path.startswith(shared) for path in said.split()] == [True, True]
        layers = "/var/lib/rancher/k3s/agent/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/1"
        assert cluster.on_node(node, f"readlink {layers}").startswith(shared)
        images = cluster.on_node(node, "k3s crictl images --output json")
        assert all(image["pinned"] for image in json.loads(images)["images"])
        assert cluster.on_node(node, "ls /var/lib/rancher/k3s/agent/images 2>&1 || true").count("tar") == 0
    assert "Importing images" not in cluster.on_node(SERVER, "journalctl -u k3s --no-pager -o cat")
    read_only = cluster.on_node(SERVER, f"touch {shared}x 2>&1 || true")
    assert "Read-only file system" in read_only


def test_ssh_runs_a_command(cluster: Lab) -> None:
    done = cluster.run("ssh", "spec.yaml", AGENT, "--", "cat", "/etc/hostname")
    assert done.stdout.strip() == AGENT
    assert cluster.run("ssh", "spec.yaml", AGENT, "--", "exit", "7", code=None).returncode == 7


def test_status_follows_what_changes_outside(cluster: Lab) -> None:
    """A file and a service are changed behind our back, seen while it is watched, and mended by apply."""
    good = status(cluster)
    assert [node["good"] for node in good["nodes"]] == [True, True]
    assert {node["certificates"]["leaf"]["days"] for node in good["nodes"]} == {364}
    assert all(node["certificates"]["authority"]["days"] > 3640 for node in good["nodes"])

    watching = cluster.start("status", "--watch", "--interval", "1", "-o", "json", "spec.yaml")
    seen = cluster.folder / "started.out"
    try:
        wait_for("the first look", lambda: "\n" in seen.read_text())
        cluster.on_node(AGENT, "echo '# by hand' >> /etc/rancher/k3s/config.yaml; systemctl stop k3s-agent")
        wait_for("the change is seen", lambda: "it does not run" in seen.read_text())
    finally:
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=600) == 130
    first, *_, last = (json.loads(line) for line in seen.read_text().splitlines())
    assert (first["good"], last["good"], last["pending"]) == (True, False, True)
    assert (cluster.folder / "started.err").read_text() == ""

    bad = {node["name"]: node for node in status(cluster, "--detailed-exitcode", code=2)["nodes"]}
    assert bad[SERVER]["good"]
    assert bad[AGENT]["service"] == "inactive"
    assert bad[AGENT]["drift"] == [
        {
            "kind": "configuration",
            "what": "/etc/rancher/k3s/config.yaml",
            "why": "it differs from the spec",
        },
        {"kind": "service", "what": "k3s-agent.service", "why": "it does not run"},
    ]
    shown = cluster.run("status", "spec.yaml", code=1).stdout
    assert "k3s-agent.service: it does not run" in shown
    cluster.run("apply", "-y", "spec.yaml")
    assert status(cluster)["good"]


@pytest.mark.full
def test_certificates_that_run_out_are_reported(cluster: Lab) -> None:
    """k3s is configured for certificates of 30 days; the hint relies on its renewal at a start."""
    renew = "rm -f /var/lib/rancher/k3s/server/tls/client-admin.*; systemctl restart k3s"
    cluster.on_node(SERVER, f"echo CATTLE_NEW_SIGNED_CERT_EXPIRATION_DAYS=30 > /etc/default/k3s; {renew}")
    try:
        restarted(cluster)
        said = status(cluster)
        assert [problem["code"] for problem in said["diagnostics"]] == ["KB0880"]
        assert said["nodes"][0]["certificates"]["leaf"]["days"] == 29
        planned = cluster.run("plan", "--detailed-exitcode", "spec.yaml").stderr
        assert "KB0880" in planned
        assert ".crt expires in 29 days" in " ".join(planned.split())  # one of several of that second
    finally:
        cluster.on_node(SERVER, "rm /etc/default/k3s; systemctl restart k3s")
    restarted(cluster)
    assert status(cluster)["diagnostics"] == []


def test_the_last_snapshot_is_shown(cluster: Lab) -> None:
    cluster.run("snapshot", "save", "--tofu", cluster.tool, "-s", "spec.yaml")
    found = status(cluster)["snapshots"]
    assert (found["server"]["place"], found["late"]) == (SERVER, [])
    assert found["server"]["name"].startswith(f"on-demand-{SERVER}-")
    assert f"min ago on {SERVER}" in cluster.run("status", "spec.yaml").stdout


def test_doctor_finds_nothing_wrong(cluster: Lab) -> None:
    cluster.run("doctor", "spec.yaml")
