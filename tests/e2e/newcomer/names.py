"""The cluster of this folder: its names, its specs, and what several modules ask of it."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import jsonschema

from kbootstrap.core import resources
from tests.e2e.lab import Lab, engine, wait_for
from tests.e2e.specs import NETWORK

C = "e2elife"
SERVER, AGENT, AGENT_2 = f"{C}-control-plane-1", f"{C}-default-1", f"{C}-default-2"
POOL = "      - name: default\n        nodes: 1\n"
RENAMED = "      - name: workers\n        renamed_from: [default]\n        nodes: 2\n"
VERSION = "v1.32.0+k3s1"


def plain(printed: str) -> str:
    """Return the spec that `init` prints, with the name and the network of this cluster."""
    assert POOL in printed
    return printed.replace("  local:\n", f"  {C}:\n    network: {NETWORK}\n", 1)


def renamed(printed: str) -> str:
    """Return the spec with a larger pool of another name."""
    return plain(printed).replace(POOL, RENAMED)


def labelled(spec: str, labels: str) -> str:
    """Return a spec with labels on its server."""
    head = "    control_plane:\n"
    assert head in spec
    return spec.replace(head, f"{head}      labels: {{{labels}}}\n", 1)


def machines() -> set[str]:
    """The containers of the cluster: their IDs, and when each was started."""
    ids = [engine(), "ps", "--quiet", "--filter", f"label=kbootstrap.cluster={C}"]
    found = subprocess.run(ids, capture_output=True, text=True, check=True).stdout.split()
    form = ("inspect", "--format", "{{.Id}} {{.State.StartedAt}}")
    return set(
        subprocess.run([engine(), *form, *found], capture_output=True, text=True, check=True).stdout.split(
            "\n"
        )
    )


def status(cluster: Lab, *words: str, code: int = 0) -> dict[str, Any]:
    """Return what `status` says of the cluster, as its schema has it."""
    document = json.loads(cluster.run("status", *words, "-o", "json", "spec.yaml", code=code).stdout)
    jsonschema.validate(document, json.loads((resources.schemas() / "status.json").read_text()))
    found: dict[str, Any] = document["clusters"][0]
    return found


def restarted(cluster: Lab) -> None:
    """Wait until nothing is pending: that a node was Ready before its restart does not count."""
    wait_for("all is well", lambda: cluster.run("status", "spec.yaml", code=None).returncode == 0)


def container_id(name: str) -> str:
    """Return the engine's ID of a container: another one after it was made again."""
    words = [engine(), "inspect", "--format", "{{.Id}} {{.State.StartedAt}}", name]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
