"""The cluster of this folder: its names, its spec, and what several modules ask of it.

It runs the stand-in for RKE2 (`tests/standin/`), a rehearsal of RKE2's life, or the vendor's release
(`release.py`).
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.e2e.bucket import snapshots
from tests.e2e.lab import Lab
from tests.e2e.rke2.release import chosen
from tests.e2e.specs import local_spec

RELEASE = chosen()
OLD, NEW = RELEASE.old, RELEASE.new
C = "e2erke2"
SERVERS = [f"{C}-control-plane-{n}" for n in (1, 2, 3)]
S1, S2, S3 = SERVERS
AGENT, AGENT_2 = f"{C}-default-1", f"{C}-default-2"
NODES = {*SERVERS, AGENT}
DATA = "/var/lib/rancher/rke2"
TOKEN, AGENT_TOKEN = "/etc/rancher/rke2/kbootstrap-token", "/etc/rancher/rke2/kbootstrap-agent-token"


def spec(version: str = NEW, *, servers: int = 3, agents: int = 1) -> str:
    """Return the spec. The mirror and the port of the bucket come from the fixtures (`E2E_…`)."""
    return local_spec(
        C,
        kubernetes=RELEASE.kubernetes(version),
        mirror=os.environ["E2E_RKE2_MIRROR"],
        servers=f"nodes: {servers}",
        pools=f"      - {{name: default, nodes: {agents}}}\n",
        more=snapshots(int(os.environ["E2E_RKE2_PORT"])),
    )


def write(lab: Lab, old: str, new: str) -> Path:
    """Edit the spec as an operator does."""
    text = (lab.folder / "spec.yaml").read_text()
    assert old in text
    return lab.spec(text.replace(old, new))


def kubeconfig(lab: Lab) -> Path:
    return lab.folder / ".kbootstrap" / f"{C}.run" / "kubeconfig"
