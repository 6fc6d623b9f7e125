"""Two operators with folders of their own work on one cluster: its server keeps them apart."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.lab import SHORT, Lab, kill_now, need, wait_for
from tests.e2e.one_server.names import AGENT, SERVER, C, spec

LEASE = "/run/kbootstrap/lease"


def second_operator(lab: Lab, folder: Path) -> Lab:
    """Return another operator: a copy of the folder, which their programs see in the place of the first.

    Containers carry the path of the folder that they were made from, so the place must be the same.
    """
    need(os.getuid() == 0 and shutil.which("unshare"), "a mount namespace for the second operator")
    shutil.copytree(lab.folder, folder, symlinks=True)
    mounted = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    words = ("unshare", "--mount", "sh", "-c", mounted, "sh", str(folder), str(lab.folder))
    return Lab(lab.folder, lab.tool, (*words, *lab.kbootstrap), lab.extra)


def lease(lab: Lab) -> dict[str, str]:
    """Return what the server says of the lease."""
    lines = lab.on_node(SERVER, f"cat {LEASE}", check=False).splitlines()
    return dict(line.split(" ", 1) for line in lines if " " in line)


def test_two_operators(cluster: Lab, tmp_path: Path) -> None:
    lab, path, first = cluster, cluster.folder / "spec.yaml", None
    try:
        assert lease(lab)["renewed"] == "-", "given back at the end"
        folder = tmp_path / "folder"
        other = second_operator(lab, folder)
        (folder / path.name).write_text(lab.text(spec(lab, labels="turn: second")))
        lab.spec(spec(lab, labels="turn: first"))

        # The second run is refused with the holder, and changes nothing; read-only commands work.
        first = lab.start("apply", "-y", path)
        wait_for("the lease", lambda: lease(lab).get("renewed") != "-", every=0.02)
        os.kill(first.pid, signal.SIGSTOP)
        message = other.run("apply", "-y", path, code=10).stderr
        assert "KB0860" in message
        assert f"process {first.pid}" in message
        assert f"--force-unlock {C}" in " ".join(message.split())
        other.run("destroy", "-y", path, code=10)
        other.run("plan", path)
        shown = other.run("status", path, code=None).stdout
        assert f"process {first.pid}" in " ".join(shown.split())
        assert SERVER in lab.ready_nodes()

        # Broken: the second goes on, and the first stops before its next step.
        other.run("apply", "-y", "--force-unlock", C, path)
        time.sleep(5)  # as long as a renewal may be late
        os.kill(first.pid, signal.SIGCONT)
        first.wait(SHORT)
        said = (lab.folder / "started.err").read_text()
        assert first.returncode == 10, said
        assert "KB0861" in said
        assert lab.get("node", AGENT)["metadata"]["labels"]["turn"] == "second"
    finally:
        if first is not None:
            kill_now(first)


@pytest.mark.full
def test_the_lease_of_a_killed_run(cluster: Lab) -> None:
    """The next run of the same operator does not wait until it has run out, as others would."""
    cluster.spec(spec(cluster, labels="turn: third"))
    process = cluster.start("apply", "-y", "spec.yaml")
    wait_for("the lease", lambda: lease(cluster).get("renewed") != "-", every=0.02)
    kill_now(process)
    assert lease(cluster)["renewed"] != "-"
    cluster.run("apply", "-y", "--events", "events.jsonl", "spec.yaml")
    events = [json.loads(line) for line in (cluster.folder / "events.jsonl").read_text().splitlines()]
    assert any("which has ended" in (event.get("detail") or "") for event in events)
    cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
