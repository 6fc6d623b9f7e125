"""Load rises and falls: what a cluster must do, whatever decides (`stand_in.py` or `released.py`).

Two flavors, so two groups: pods of 600 millicores fill a small node each, one of 1500 fits a large node only.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.e2e.autoscaler import JOINS, Scaler, elastic
from tests.e2e.lab import Lab, engine, wait_for
from tests.e2e.workloads import BOX

MOST = 3
POOL = (
    "      - name: load\n"
    "        flavor: small\n"
    "        labels: {role: load}\n"
    f"        autoscaling: {{min: 0, max: {MOST}, flavors: [small, large], scale_down_after: 15s}}\n"
)
SMALL, LARGE = "load/small", "load/large"
SIZES = "{local: {flavors: {small: {cpus: 1, memory_gib: 2}, large: {cpus: 2, memory_gib: 4}}}}"
PRICES = "prices: {currency: EUR, flavors: {small: 0.01, large: 0.05}}\n"
"""A large node costs more than two small ones: Cluster Autoscaler also prefers some sizes to others."""
CORES = 2
"""Processors that this machine must have for a large node."""

WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      nodeSelector: {{role: load}}
      containers:
        - name: work
          image: {box}
          imagePullPolicy: Never
          command: ["sleep", "infinity"]
          resources: {{requests: {{cpu: {cpu}, memory: 32Mi}}}}
"""


@dataclass
class Scaling:
    """A cluster whose load changes. `seconds` is how long each change took, by what was waited for."""

    lab: Lab
    server: Scaler
    cluster: str
    static: set[str]
    seconds: dict[str, float] = field(default_factory=dict)

    def load(self, name: str, replicas: int, cpu: str) -> None:
        """Run so many pods of a workload."""
        text = WORKLOAD.format(name=name, replicas=replicas, cpu=cpu, box=BOX)
        self.lab.kubectl("apply", "-f", "-", stdin=text)

    def scale(self, name: str, replicas: int) -> None:
        """Change how many pods a workload has."""
        self.lab.kubectl("scale", "deployment", name, f"--replicas={replicas}")

    def until(self, what: str, condition: Callable[[], object]) -> None:
        """Wait; at each look no bound may be broken."""
        begun = time.monotonic()

        def within() -> bool:
            self.assert_bounds()
            return bool(condition())

        wait_for(what, within, seconds=JOINS)
        self.seconds[what] = round(time.monotonic() - begun, 1)

    def assert_bounds(self) -> None:
        """The nodes up to `min` stay, and there are never more machines than `max`."""
        there = containers(self.cluster)
        if len(there) > MOST:
            pytest.fail(f"{len(there)} machines, at most {MOST}: {there}")
        if gone := self.static - set(self.lab.get_names("nodes")):
            pytest.fail(f"these belong to the minimum of their pool: {gone}")

    def nodes(self) -> dict[str, set[str]]:
        """Return the elastic nodes by flavor, as the engine's labels have it; all of them are Ready."""
        found: dict[str, set[str]] = {}
        for name in elastic(self.lab, self.static):
            found.setdefault(containers(self.cluster).get(name, "unknown"), set()).add(name)
        return found

    def pods(self, name: str) -> dict[str, str]:
        """Return the nodes of the Running pods of a workload, by pod; pods that wait are missing."""
        return {
            one["metadata"]["name"]: one["spec"]["nodeName"]
            for one in self.lab.get("pods", "-l", f"app={name}")["items"]
            if one["status"].get("phase") == "Running" and "deletionTimestamp" not in one["metadata"]
        }

    def from_zero_to_most(self) -> None:
        """As many pods as there may be small nodes, and one more, which waits; light ones share the nodes."""
        assert containers(self.cluster) == {}
        self.load("heavy", MOST + 1, "600m")
        self.until(
            "0 to 3: nodes Ready", lambda: {k: len(v) for k, v in self.nodes().items()} == {"small": MOST}
        )
        self.until("0 to 3: pods run", lambda: len(self.pods("heavy")) == MOST)
        assert self.server.target(SMALL) == MOST
        assert self.server.target(LARGE) == 0
        self.load("light", MOST, "100m")
        self.until("light pods run", lambda: len(self.pods("light")) == MOST)

    def to_one_and_to_zero(self) -> None:
        """Nodes with light pods are drained onto one; without any pod the last one goes too."""
        self.scale("heavy", 0)
        self.until("3 to 1: drained and gone", lambda: len(containers(self.cluster)) == 1)
        self.until("3 to 1: pods moved", lambda: len(self.pods("light")) == MOST)
        assert set(self.pods("light").values()) == set(containers(self.cluster))
        self.scale("light", 0)
        self.until("1 to 0: gone", lambda: containers(self.cluster) == {})
        self.until("Node objects are gone", lambda: elastic(self.lab, self.static) == set())
        assert self.server.target(SMALL) == 0

    def two_flavors(self) -> None:
        """A pod goes to the flavor that is cheapest for it; one that does not fit there gets the next one.

        The second pod follows when the first one runs: a large node that is Ready first would take both.
        """
        assert containers(self.cluster) == {}
        self.load("heavy", 1, "600m")
        self.until("two flavors: the small pod runs", lambda: len(self.pods("heavy")) == 1)
        assert set(containers(self.cluster).values()) == {"small"}
        self.load("large", 1, "1500m")
        self.until("two flavors: the large pod runs", lambda: len(self.pods("large")) == 1)
        assert {flavor: len(names) for flavor, names in self.nodes().items()} == {"small": 1, "large": 1}
        assert set(self.pods("large").values()) == self.nodes()["large"]
        assert set(self.pods("heavy").values()) == self.nodes()["small"]
        self.scale("large", 0)
        self.until(
            "two flavors: the large one is gone", lambda: [*containers(self.cluster).values()] == ["small"]
        )
        assert len(self.pods("heavy")) == 1
        self.scale("heavy", 0)
        self.until("two flavors: all gone", lambda: containers(self.cluster) == {})
        self.until("Node objects are gone again", lambda: elastic(self.lab, self.static) == set())
        assert (self.server.target(SMALL), self.server.target(LARGE)) == (0, 0)


def containers(cluster: str) -> dict[str, str]:
    """Return the flavor of each elastic container of a cluster, whether it runs or not."""
    marks = [f"--filter=label=kbootstrap.cluster={cluster}", "--filter=label=kbootstrap.elastic"]
    form = '{{.Names}} {{.Label "kbootstrap.flavor"}}'
    said = subprocess.run(
        [engine(), "ps", "-a", "--format", form, *marks], capture_output=True, text=True, check=True
    ).stdout
    return {name: flavor for name, _, flavor in (line.partition(" ") for line in said.splitlines())}


@contextmanager
def scaling(lab: Lab, server: Scaler, cluster: str, static: set[str]) -> Iterator[Scaling]:
    """Change the load of a cluster; the times are printed at the end."""
    made = Scaling(lab, server, cluster, static)
    try:
        yield made
    finally:
        print(json.dumps(made.seconds, indent=1))  # noqa: T201 - pytest shows it
