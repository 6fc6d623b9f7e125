"""The cluster of this folder: its names, its specs, and what several modules ask of it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.e2e.lab import Lab, engine
from tests.e2e.prober import Probe
from tests.e2e.specs import local_spec
from tests.e2e.workloads import BOX

C = "e2eday"
OLD, NEW = "v1.31.0+k3s1", "v1.32.0+k3s1"
S1, S2, S3 = (f"{C}-control-plane-{n}" for n in (1, 2, 3))
W1, W2, W3 = (f"{C}-web-{n}" for n in (1, 2, 3))
SHOP_1, DB_1 = f"{C}-shop-1", f"{C}-db-1"
WEB = "      - {{name: web, nodes: {nodes}, labels: {{tier: web}}}}\n"
OTHERS = """\
      - {name: shop, nodes: 1, labels: {tier: web}}
      - {name: db, nodes: 1, labels: {tier: db}, taints: ["dedicated=db:NoSchedule"]}
"""
"""The pools that come in the place of `web`."""


def spec(version: str = NEW, pools: str = WEB.format(nodes=2), more: str = "") -> str:
    """Return the spec: three servers, these pools, and more keys of the cluster."""
    without = "[traefik, servicelb]"
    return local_spec(C, version=version, servers="nodes: 3", without=without, pools=pools, more=more)


SHOP = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: shop
          image: {BOX}
          imagePullPolicy: Never
          command: ["sh", "-c", "trap exit TERM; while true; do sleep 1; done"]
"""
BUDGET = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: shop}
spec:
  minAvailable: 2
  selector: {matchLabels: {app: shop}}
"""


def write(lab: Lab, old: str, new: str) -> Path:
    """Edit the spec as an operator does."""
    text = (lab.folder / "spec.yaml").read_text()
    assert old in text
    return lab.spec(text.replace(old, new))


def settled(lab: Lab) -> None:
    """Nothing is left to do, the data of the beginning is there, and it is one cluster."""
    lab.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
    assert lab.kubectl("get", "configmap", "kept", "-o", "jsonpath={.data.since}") == "the-beginning"
    assert all(not node["spec"].get("unschedulable") for node in lab.get("nodes")["items"])


def machine(lab: Lab, node: str) -> str:
    """The identity of a machine: a new one has another."""
    return lab.on_node(node, "cat /etc/machine-id; stat -c %W /").strip()


def tell(what: str, begun: float, probe: Probe) -> None:
    sys.stdout.write(
        f"{what}: {time.monotonic() - begun:.0f} s; the client had {probe.answered} answers, "
        f"{len(probe.failed)} failures, and waited {probe.longest:.1f} s at most; {probe.failed[:3]}\n"
    )


def own(lab: Lab) -> Path:
    return lab.folder / ".kbootstrap" / f"{C}.run" / "kubeconfig"


def machines() -> list[str]:
    """Return the names of all containers of the engine."""
    listed = [engine(), "ps", "--all", "--format", "{{.Names}}"]
    return subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split()
