"""What tests of snapshots share: a restore that is killed, and the state that one must lead to."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.lab import Lab, kill_now, wait_for


def has(lab: Lab, name: str) -> bool:
    """Return whether the cluster has a ConfigMap."""
    return name in lab.kubectl("get", "configmap", "-o", "name")


def is_as_it_was(lab: Lab, nodes: set[str]) -> None:
    """The first data is there, later data is not; all nodes are Ready, and nothing is left to do."""
    assert has(lab, "first")
    assert not has(lab, "later")
    wait_for("all nodes", lambda: lab.ready_nodes() == nodes)
    lab.run("apply", "-y", "--detailed-exitcode", "spec.yaml")


def saved(lab: Lab, server: str) -> Path:
    """Save a snapshot of a cluster with first data, add later data, and return the local copy."""
    lab.kubectl("create", "configmap", "first")
    cron = ("cronjob", "act", "--image", "nowhere.invalid/act", "--schedule", "* * * * *")
    lab.kubectl("create", *cron)
    lab.run("snapshot", "save", "--to", lab.folder / "kept")
    found = json.loads(lab.run("snapshot", "list", "-o", "json").stdout)
    assert {one["place"] for one in found["snapshots"]} == {server, "s3"}
    assert found["problems"] == {}
    lab.kubectl("create", "configmap", "later")
    return next(one for one in (lab.folder / "kept").iterdir() if one.suffix != ".json")


def listed(lab: Lab) -> list[dict[str, str]]:
    """Return the snapshots of a cluster as `snapshot list` has them, the newest first."""
    found: list[dict[str, str]] = json.loads(lab.run("snapshot", "list", "-o", "json").stdout)["snapshots"]
    return found


def newest_after_save(lab: Lab) -> str:
    """Save a snapshot and return the name of the newest one: the list begins with it."""
    lab.run("snapshot", "save")
    return listed(lab)[0]["name"]


def restore_killed(lab: Lab, source: str, moment: str) -> None:
    """Begin a restore and end it with `kill -9` when an event reports this step."""
    events = lab.folder / "killed.jsonl"
    events.unlink(missing_ok=True)
    process = lab.start("snapshot", "restore", "-y", "--events", events, source)
    try:
        wait_for(f"the step '{moment}'", lambda: events.exists() and moment in events.read_text())
    finally:
        kill_now(process)


def restored_after_a_kill(lab: Lab, nodes: set[str]) -> None:
    """Restore the newest snapshot of the bucket; the first attempt is killed, and only a restore goes on."""
    restore_killed(lab, "s3", "remove stale Node objects")
    assert "KB0870" in lab.run("apply", "-y", "spec.yaml", code=8).stderr
    lab.run("snapshot", "restore", "-y", "s3")
    is_as_it_was(lab, nodes)
