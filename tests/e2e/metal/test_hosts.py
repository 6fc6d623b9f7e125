"""Hosts come and go, on machines that stay. The tests run in the order of the file."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.lab import Lab, engine, kill_now, voters, wait_for
from tests.e2e.machines import Metal
from tests.e2e.metal.names import CONTEXT, FIRST, HOSTS, nodes, spec_of, traces

pytestmark = [pytest.mark.ordered]


def taken_out(metal: Metal, folder: Path, stay: tuple[str, str], first: str) -> Lab:
    """Take out all hosts but two, from a folder that knows nothing of them; `first` leaves as the first one.

    The run is killed then, and the next one comes to its end.
    """
    other = Lab(folder, "/nowhere/tofu")
    (folder / "known_hosts").write_text(metal.known_hosts())
    shutil.copy(metal.key, folder / "key")
    spec = other.spec(spec_of(metal, *stay))
    shown = other.run("plan", "--detailed-exitcode", spec, code=2).stderr
    assert "remove Kubernetes from the machine" in shown
    (metal.folder / "plan.txt").write_text(shown)
    begun = time.monotonic()
    process = other.start("apply", "-y", spec)
    here = "/usr/local/bin/k3s kubectl get node -o name"
    wait_for(f"{first} has left", lambda: first not in metal.on(f"{metal.name}-{stay[0]}", here), every=0.2)
    kill_now(process)
    other.run("apply", "-y", spec)
    (metal.folder / "removal.json").write_text(json.dumps({"removal": time.monotonic() - begun}))
    assert nodes(other) == {*stay}
    secrets = other.kubectl("-n", "kube-system", "get", "secret", "-o", "name")
    assert [name for name in HOSTS if f"/{name}.node-password" in secrets] == [*stay]
    assert "othing to do" in other.run("apply", "-y", "--detailed-exitcode", spec).stderr
    return other


def test_an_agent_leaves(metal: Metal, tmp_path: Path) -> None:
    lab = metal.lab()
    lab.run("apply", "-y", lab.spec(spec_of(metal, *FIRST, "w-2")))  # nothing to do after `test_life.py`
    assert nodes(lab) == {*FIRST, "w-2"}
    taken_out(metal, tmp_path, ("cp-1", "w-2"), "w-1")
    assert traces(metal, "w-1") == [""]


@pytest.mark.full
def test_servers_come_and_go(metal: Metal, tmp_path: Path) -> None:
    """From one server to three and back to another one. In a usual run servers join and leave in `day_two/`,
    and are cleaned by `destroy`: here each of three unpacks all images for itself, which takes minutes.
    """
    for name in ("cp-2", "cp-3"):
        metal.machine(name, HOSTS[name])
    lab = metal.lab()
    lab.run("apply", "-y", lab.spec(spec_of(metal, *HOSTS)))
    assert nodes(lab) == {*HOSTS}
    wait_for("three voters", lambda: voters(lab) == 3)
    other = taken_out(metal, tmp_path, ("cp-2", "w-1"), "cp-1")
    wait_for("one voter", lambda: voters(other) == 1)
    assert traces(metal, "cp-1", "cp-3", "w-2") == ["", "", ""]


@pytest.mark.full
def test_a_dead_host_leaves_and_is_cleaned_when_it_comes_back(metal: Metal) -> None:
    lab = metal.lab()
    lab.run("kubeconfig", "--merge", lab.spec(spec_of(metal, "cp-2", "w-1")))
    lab.kubectl("config", "use-context", CONTEXT)
    spec = lab.spec(spec_of(metal, "cp-2"))
    subprocess.run([engine(), "kill", f"{metal.name}-w-1"], capture_output=True, check=True)
    assert "KB0652" in lab.run("apply", "-y", spec, code=8).stderr, "it seems to run still"
    wait_for("w-1 is seen to be dead", lambda: lab.ready_nodes() == {"cp-2"})
    said = lab.run("apply", "-y", spec).stderr
    assert "KB0653" in said
    assert "w-1" not in lab.kubectl("get", "nodes", "-o", "name")
    assert "othing to do" in lab.run("apply", "-y", "--detailed-exitcode", spec).stderr

    subprocess.run([engine(), "start", f"{metal.name}-w-1"], capture_output=True, check=True)
    wait_for("w-1 joined again", lambda: "w-1" in lab.ready_nodes())
    lab.run("apply", "-y", spec)
    assert lab.ready_nodes() == {"cp-2"}
    lab.run("destroy", "-y", spec)
    assert traces(metal, "cp-2", "w-1") == ["", ""]
