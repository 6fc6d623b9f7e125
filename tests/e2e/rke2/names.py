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
from tests.e2e.specs import NETWORK

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
    mirror, port = os.environ["E2E_RKE2_MIRROR"], int(os.environ["E2E_RKE2_PORT"])
    return f"""\
apiVersion: kbootstrap/v1alpha1
name: e2e
clusters:
  {C}:
    provider: {{local: {{}}}}
    kubernetes: {RELEASE.kubernetes(version)}
    artifacts: {{mirror: "{mirror}"}}
    network: {NETWORK}
    control_plane: {{nodes: {servers}}}
    pools:
      - {{name: default, nodes: {agents}}}
{snapshots(port)}"""


def write(lab: Lab, old: str, new: str) -> Path:
    """Edit the spec as an operator does."""
    text = (lab.folder / "spec.yaml").read_text()
    assert old in text
    return lab.spec(text.replace(old, new))


def versions(lab: Lab) -> dict[str, str]:
    return {
        node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"]
        for node in lab.get("nodes")["items"]
    }


def nothing_to_do(lab: Lab) -> None:
    lab.run("apply", "-y", "--detailed-exitcode", "spec.yaml")


def kubeconfig(lab: Lab) -> Path:
    return lab.folder / ".kbootstrap" / f"{C}.run" / "kubeconfig"
