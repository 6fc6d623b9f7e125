"""SSH that does not work, a stopped machine, a run beside another: each has its exit code and its message."""

from __future__ import annotations

import fcntl
import subprocess

import pytest

from tests.e2e.lab import Lab, engine, wait_for
from tests.e2e.one_server.names import AGENT, C


def test_a_wrong_ssh_key_is_refused_at_once(cluster: Lab) -> None:
    """The private key is exchanged; the nodes still know the public half of the old one."""
    key = cluster.folder / ".kbootstrap" / f"{C}.run" / "id_ed25519"
    right = key.read_bytes()
    other = cluster.folder / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    key.write_bytes(other.read_bytes())
    try:
        done = cluster.run("apply", "-y", "spec.yaml", code=4)
        assert AGENT in done.stderr
        assert str(key) in done.stderr.replace("\n    ", "")
        assert "unreachable" in cluster.run("status", "spec.yaml", code=1).stdout
    finally:
        key.write_bytes(right)


def test_a_changed_host_key_stops_the_run(cluster: Lab) -> None:
    cluster.on_node(
        AGENT,
        "cp -a /etc/ssh /root/ssh.kept && rm /etc/ssh/ssh_host_* && ssh-keygen -A && systemctl restart ssh",
    )
    try:
        done = cluster.run("apply", "-y", "spec.yaml", code=7)
        assert AGENT in done.stderr
        assert "SHA256:" in done.stderr
    finally:
        cluster.on_node(AGENT, "cp -a /root/ssh.kept/ssh_host_* /etc/ssh/ && systemctl restart ssh")
    cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")


def test_a_stopped_node_is_started_again(cluster: Lab) -> None:
    subprocess.run([engine(), "stop", "-t", "1", AGENT], capture_output=True, check=True)
    cluster.run("apply", "-y", "spec.yaml")
    wait_for("the node is ready", lambda: AGENT in cluster.ready_nodes())


@pytest.mark.full
def test_ssh_that_hangs_ends_in_time(cluster: Lab) -> None:
    cluster.on_node(AGENT, "systemctl kill -s STOP ssh; pkill -STOP -x sshd; true")
    try:
        done = cluster.run("apply", "-y", "spec.yaml", code=7)
        assert AGENT in done.stderr
    finally:
        cluster.on_node(AGENT, "pkill -CONT -x sshd; true")
    cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")


def test_two_runs_at_once(cluster: Lab) -> None:
    lock = cluster.folder / ".kbootstrap" / f"{C}.run" / "lock"
    with lock.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = cluster.run("apply", "-y", "spec.yaml", code=10)
    assert "lock" in done.stderr
