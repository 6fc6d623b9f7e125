"""Hosts that hang: each run ends, names the host and the cause, and the others go on where they may.

The tests run in the order of the file; each mends what it broke. `test_ssh.py` has a host that hangs before
anything begins, and `test_new_nodes.py` a disk that is full before anything is installed.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.firewall import lost
from tests.e2e.lab import Lab, engine, need, wait_for
from tests.e2e.one_server.names import AGENTS, SERVER, harmed, spec

pytestmark = [pytest.mark.full, pytest.mark.ordered]
A1, A2, A3, _ = AGENTS
BLKIO = Path("/sys/fs/cgroup/blkio")


def test_a_host_that_hangs_while_it_is_installed(cluster: Lab) -> None:
    """SIGSTOP for sshd and its sessions in the middle of it; the other new agent joins."""
    cluster.spec(spec(cluster, 3))
    process = cluster.start("apply", "-y", "spec.yaml")
    stamp = "test -e /var/lib/kbootstrap/stamp && echo yes"
    wait_for("it is being installed", lambda: cluster.on_node(A2, stamp), every=0.1)
    with harmed(cluster, A2, "pkill -STOP -x sshd", "pkill -CONT -x sshd"):
        assert process.wait(timeout=1200) == 7
    said = (cluster.folder / "started.err").read_text()
    assert f"the SSH connection to {A2} broke during" in " ".join(said.split())
    assert "KB0701" in said
    # The host that hangs may be Ready too: its service may have started before.
    wait_for("the others are well", lambda: cluster.ready_nodes() >= {SERVER, A1, A3})
    cluster.run("apply", "-y", "spec.yaml")
    assert cluster.ready_nodes() == {SERVER, A1, A2, A3}


def test_an_address_that_is_a_black_hole(cluster: Lab) -> None:
    rule = lost("-p tcp --dport 22")
    with harmed(cluster, A2, rule.close, rule.reopen):
        shown = cluster.run("status", "spec.yaml", code=1).stdout
        rows = {line.split()[0]: line for line in shown.splitlines() if line.strip()}
        assert "Ready, no SSH" in rows[A2], "the cluster still hears of it"
        assert "no SSH" not in rows[A1]
        said = " ".join(cluster.run("apply", "-y", "spec.yaml", code=7).stderr.split())
    assert f"no SSH connection to {A2}" in said
    assert "within 90 s: no answer" in said


def test_an_api_that_is_a_black_hole(cluster: Lab) -> None:
    """Every packet for the API is lost, and SSH works: the server itself says that all is well."""
    rule = lost("! -i lo -p tcp --dport 6443")
    with harmed(cluster, SERVER, rule.close, rule.reopen):
        said = cluster.run("apply", "-y", "spec.yaml", code=8).stderr
    assert "KB0817" in said
    assert "the Kubernetes API at https://127.0.0.1" in " ".join(said.split())
    wait_for("all are well", lambda: cluster.ready_nodes() == {SERVER, A1, A2, A3})
    cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")


def test_a_clock_that_is_ten_minutes_behind(cluster: Lab) -> None:
    """Containers share one clock, so the machine only says so: a `date` that is found first."""
    fake = "/usr/local/sbin/date"
    words = '#!/bin/sh\\n[ "$1" = +%%s ] && exec /bin/date -d "10 minutes ago" +%%s\\nexec /bin/date "$@"\\n'
    with harmed(cluster, A2, f"printf '{words}' > {fake} && chmod +x {fake}", f"rm {fake}"):
        cluster.spec(spec(cluster, 3, "clock: bad"))
        said = cluster.run("apply", "-y", "spec.yaml", code=8).stderr
    assert "KB0803" in said
    assert f"The clock of {A2} is" in " ".join(said.split())
    assert "behind the clock of this machine" in " ".join(said.split())
    for name in (A1, A2, A3):
        assert "clock" not in cluster.get("node", name)["metadata"]["labels"], "nothing was changed anywhere"


def test_a_disk_that_fills_up_while_the_node_runs(cluster: Lab) -> None:
    """The folder of its configuration is full; the others get theirs, and it goes on with the old one."""
    folder, kept = "/etc/rancher/k3s", "/root/kept"
    fill = f"cp -a {folder} {kept} && mount -t tmpfs -o size=48k tmpfs {folder} && cp -a {kept}/. {folder}/"
    fill += f"; dd if=/dev/zero of={folder}/filler bs=4k 2>/dev/null; true"
    with harmed(cluster, A2, fill, f"umount {folder}; rm -rf {kept}"):
        cluster.spec(spec(cluster, 3, "disk: full"))
        said = cluster.run("apply", "-y", "spec.yaml", code=8).stderr
    assert "KB0709" in said
    assert f"no space left on {A2} for {folder}/" in " ".join(said.split())
    labelled = cluster.kubectl("get", "nodes", "-l", "disk=full", "-o", "name").split()
    assert labelled == [f"node/{A1}", f"node/{A3}"]
    assert A2 in cluster.ready_nodes()
    cluster.run("apply", "-y", "spec.yaml")
    assert len(cluster.kubectl("get", "nodes", "-l", "disk=full", "-o", "name").split()) == 3


def test_a_disk_that_is_slow(cluster: Lab) -> None:
    """A server writes 20 times a second at most: the run takes longer, and comes to its end.

    The engine's block-io group of the server is throttled where the machine has one (cgroup v1).
    """
    number = subprocess.run(
        [engine(), "inspect", "--format", "{{.Id}}", SERVER], capture_output=True, text=True, check=True
    ).stdout.strip()
    group = BLKIO / "docker" / number
    need((group / "blkio.throttle.write_iops_device").exists(), "a throttle for a container's disk")
    data = cluster.on_node(SERVER, "stat -c %d /var/lib/rancher")
    device = f"{os.major(int(data))}:{os.minor(int(data))}"

    def throttle(iops: int, bps: int) -> None:
        (group / "blkio.throttle.write_iops_device").write_text(f"{device} {iops}")
        (group / "blkio.throttle.write_bps_device").write_text(f"{device} {bps}")

    throttle(20, 200_000)
    try:
        begun = time.monotonic()
        cluster.on_node(SERVER, "dd if=/dev/zero of=/var/lib/rancher/slow bs=4k count=60 oflag=dsync")
        assert time.monotonic() - begun > 2, "the throttle has no effect"
        cluster.spec(spec(cluster, 3, "disk: slow"))
        cluster.run("apply", "-y", "spec.yaml")
    finally:
        throttle(0, 0)
    assert len(cluster.kubectl("get", "nodes", "-l", "disk=slow", "-o", "name").split()) == 3
