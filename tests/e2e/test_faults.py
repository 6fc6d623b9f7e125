"""Faults that people meet: each ends in time, with the designed exit code, and says where and what to do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.lab import Lab, engine, leftovers, wait_for
from tests.e2e.specs import small

pytestmark = [pytest.mark.timeout(600)]
CLUSTER = "e2efault"
SERVER, AGENT = f"{CLUSTER}-control-plane-1", f"{CLUSTER}-default-1"


@pytest.fixture(scope="module")
def cluster(shared_lab: Lab) -> Iterator[Lab]:
    """A cluster that is up; each test harms it and mends it again."""
    spec = shared_lab.spec(small(CLUSTER))
    try:
        shared_lab.run("apply", "-y", spec)
        yield shared_lab
    finally:
        shared_lab.run("destroy", "-y", spec)
        assert leftovers("e2e", CLUSTER) == []


def test_a_wrong_ssh_key_is_refused_at_once(cluster: Lab) -> None:
    """The private key is exchanged; the nodes still know the public half of the old one."""
    key = cluster.folder / ".kbootstrap" / f"{CLUSTER}.run" / "id_ed25519"
    right = key.read_bytes()
    other = cluster.folder / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    key.write_bytes(other.read_bytes())
    try:
        begun = time.monotonic()
        done = cluster.run("apply", "-y", "spec.yaml", code=4)
        assert time.monotonic() - begun < 30
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
    wait_for("the node is ready", lambda: AGENT in cluster.ready_nodes(), seconds=60)


def test_ssh_that_hangs_ends_in_time(cluster: Lab) -> None:
    cluster.on_node(AGENT, "systemctl kill -s STOP ssh; pkill -STOP -x sshd; true")
    try:
        begun = time.monotonic()
        done = cluster.run("apply", "-y", "spec.yaml", code=7, timeout=200)
        assert AGENT in done.stderr
        assert time.monotonic() - begun < 180
    finally:
        cluster.on_node(AGENT, "pkill -CONT -x sshd; true")
    cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")


def test_two_runs_at_once(cluster: Lab) -> None:
    import fcntl

    lock = cluster.folder / ".kbootstrap" / f"{CLUSTER}.run" / "lock"
    with lock.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = cluster.run("apply", "-y", "spec.yaml", code=10)
    assert "lock" in done.stderr


def test_ctrl_c_ends_cleanly_and_the_next_run_goes_on(lab: Lab) -> None:
    spec = lab.spec(small("e2ectrlc"))
    try:
        process = lab.start("apply", "-y", spec)
        time.sleep(8)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=90) == 130
        said = (lab.folder / "started.err").read_text()
        assert "Traceback" not in said
        assert "interrupted" in said.lower()
        lab.run("apply", "-y", spec)
        assert len(lab.ready_nodes()) == 2
    finally:
        lab.run("destroy", "-y", spec)


def test_a_node_that_stops_in_the_middle(lab: Lab) -> None:
    spec = lab.spec(small("e2estop"))
    agent = "e2estop-default-1"
    try:
        process = lab.start("apply", "-y", spec)
        wait_for(
            "the agent is reachable",
            lambda: lab.on_node(agent, "test -d /var/lib/kbootstrap && echo yes"),
            seconds=120,
        )
        subprocess.run([engine(), "kill", agent], capture_output=True, check=True)
        code = process.wait(timeout=200)
        said = (lab.folder / "started.err").read_text()
        assert code in {7, 8, 9}, said
        assert agent in said
        lab.run("apply", "-y", spec)
        assert agent in lab.ready_nodes()
    finally:
        lab.run("destroy", "-y", spec)


def test_a_full_disk_on_a_node(lab: Lab) -> None:
    """The agent's data folder gets a small file system of its own before anything is installed."""
    spec = lab.spec(small("e2edisk"))
    agent = "e2edisk-default-1"
    try:
        process = lab.start("apply", "-y", spec)
        wait_for("the agent runs", lambda: lab.on_node(agent, "echo yes"), seconds=120)
        lab.on_node(agent, "mount -t tmpfs -o size=20m tmpfs /var/lib/rancher")
        code = process.wait(timeout=300)
        said = (lab.folder / "started.err").read_text()
        assert code == 8, said
        assert agent in said
        assert "Disk too full" in said
        assert "MiB" in said
        lab.on_node(agent, "umount /var/lib/rancher", check=False)
        lab.run("apply", "-y", spec)
        assert agent in lab.ready_nodes()
    finally:
        lab.run("destroy", "-y", spec)


def test_a_port_that_is_taken(lab: Lab) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        text = small("e2eport").replace("local: {}", f"local: {{api_port: {port}}}")
        spec = lab.spec(text)
        done = lab.run("apply", "-y", spec, code=5)
    assert str(port) in done.stderr
    assert "api_port" in done.stderr
    assert leftovers("e2e", "e2eport") == []


def test_no_container_engine(lab: Lab, tmp_path: Path) -> None:
    """A PATH with everything but Docker and Podman."""
    bare = tmp_path / "bin"
    bare.mkdir()
    for folder in os.environ["PATH"].split(":"):
        for tool in Path(folder).glob("*") if Path(folder).is_dir() else ():
            link = bare / tool.name
            if tool.name not in {"docker", "podman"} and not link.exists():
                link.symlink_to(tool)
    lab.extra["PATH"] = str(bare)
    begun = time.monotonic()
    done = lab.run("apply", "-y", lab.spec(small("e2enone")), code=5)
    assert "docker" in done.stderr.lower()
    assert time.monotonic() - begun < 30


def test_no_terminal_and_no_yes(lab: Lab) -> None:
    done = lab.run("apply", lab.spec(small("e2easks")), code=1)
    assert "-y" in done.stderr
    assert leftovers("e2e", "e2easks") == []


def test_no_such_tool(lab: Lab) -> None:
    lab.tool = "/nonexistent/tofu"
    done = lab.run("apply", "-y", lab.spec(small("e2etool")), code=5)
    assert "/nonexistent/tofu" in done.stderr
