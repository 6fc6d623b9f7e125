"""Two operators with folders of their own work on one real cluster: the servers keep them apart."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.lab import Lab, kill_now, leftovers, need, wait_for
from tests.e2e.specs import small

pytestmark = [pytest.mark.timeout(900)]
CLUSTER = "e2elock"
SERVER = f"{CLUSTER}-control-plane-1"
LEASE = "/run/kbootstrap/lease"


def second_operator(lab: Lab, folder: Path) -> Lab:
    """Return another operator: a copy of the folder, which their programs see in the place of the first.

    Containers carry the path of the folder that they were made from, so the place must be the same.
    """
    need(os.getuid() == 0 and shutil.which("unshare"), "a mount namespace for the second operator")
    shutil.copytree(lab.folder, folder, symlinks=True)
    mounted = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    words = ("unshare", "--mount", "sh", "-c", mounted, "sh", str(folder), str(lab.folder))
    return Lab(lab.folder, lab.tool, (*words, *lab.kbootstrap))


def labelled(text: str, value: str) -> str:
    """Return the spec with another label on the agents: a short change of nodes only."""
    return text.replace("nodes: 1}\n", f"nodes: 1, labels: {{turn: '{value}'}}}}\n").replace(
        "control_plane: {nodes: 1, labels: {turn: '" + value + "'}}", "control_plane: {nodes: 1}"
    )


def lease(lab: Lab) -> dict[str, str]:
    """Return what the server says of the lease."""
    lines = lab.on_node(SERVER, f"cat {LEASE}", check=False).splitlines()
    return dict(line.split(" ", 1) for line in lines if " " in line)


def test_two_operators(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> None:
    spec, first = lab.spec(small(CLUSTER)), None
    try:
        lab.run("apply", "-y", spec)
        assert lease(lab)["renewed"] == "-", "given back at the end"
        folder = tmp_path_factory.mktemp("other") / "folder"
        other = second_operator(lab, folder)
        (folder / spec.name).write_text(labelled(small(CLUSTER), "second"))
        spec.write_text(labelled(small(CLUSTER), "first"))

        # The second is told who, and changes nothing; who only looks is not kept away.
        first = lab.start("apply", "-y", spec)
        wait_for("the lease", lambda: lease(lab).get("renewed") != "-", seconds=60, every=0.02)
        os.kill(first.pid, signal.SIGSTOP)
        told = other.run("apply", "-y", spec, code=10).stderr
        assert "KB0860" in told
        assert f"process {first.pid}" in told
        assert f"--force-unlock {CLUSTER}" in " ".join(told.split())
        other.run("destroy", "-y", spec, code=10)
        other.run("plan", spec)
        shown = other.run("status", spec, code=None).stdout
        assert f"process {first.pid}" in " ".join(shown.split())
        assert SERVER in lab.ready_nodes()

        # Broken: the second goes on, and the first stops before its next step.
        other.run("apply", "-y", "--force-unlock", CLUSTER, spec)
        time.sleep(5)  # as long as a renewal may be late
        os.kill(first.pid, signal.SIGCONT)
        first.wait(120)
        said = (lab.folder / "started.err").read_text()
        assert first.returncode == 10, said
        assert "KB0861" in said
        agent = lab.get("node", f"{CLUSTER}-default-1")
        assert agent["metadata"]["labels"]["turn"] == "second"

        # Killed: the next run of the same operator does not wait, as others would.
        process = lab.start("apply", "-y", spec)
        wait_for("the lease", lambda: lease(lab).get("renewed") != "-", seconds=60, every=0.02)
        kill_now(process)
        assert lease(lab)["renewed"] != "-"
        begun = time.monotonic()
        lab.run("apply", "-y", "--events", "events.jsonl", spec)
        assert time.monotonic() - begun < 60
        events = [json.loads(line) for line in (lab.folder / "events.jsonl").read_text().splitlines()]
        assert any("which has ended" in (event.get("detail") or "") for event in events)
        lab.run("apply", "-y", "--detailed-exitcode", spec)
    finally:
        if first is not None:
            kill_now(first)
        lab.run("destroy", "-y", spec)
        assert leftovers("e2e", CLUSTER) == []
