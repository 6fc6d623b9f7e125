"""Counts what clients of a cluster notice of its changes: requests without an answer, and the longest wait.

    python -m bench.interruptions [--cloud] [--tofu PROGRAM]

Three clients work all the time, each with five seconds of patience: one writes and reads a ConfigMap through
the endpoint with a new connection for each request, one follows these writes with one long request, one
fetches a page from two pods behind a NodePort. Meanwhile one server becomes three, five, three and one, all
nodes get another version of Kubernetes, the first server gets a new machine, and a server dies.

On the local provider, or (`--cloud`) on the test cloud, where nodes have no NodePorts to this machine.
Prints one JSON document. Seconds that a client waited include its own pause of a quarter of a second.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.labs import arguments, folder, local_lab
from bench.results import keep
from tests.e2e.lab import LONG, Lab, engine, opentofu, voters, wait_for
from tests.e2e.prober import Probe, probing, visiting, watching
from tests.e2e.specs import local_spec
from tests.e2e.stack import spec as cloud_spec
from tests.e2e.stack import stack
from tests.e2e.workloads import BOX

C = "benchgaps"
OLD, NEW = "v1.31.0+k3s1", "v1.32.0+k3s1"
S1, S2 = (f"{C}-control-plane-{n}" for n in (1, 2))
AGENT = f"{C}-web-1"
PATIENCE = 5.0
QUIET = 20.0
"""Seconds in which nothing changes, for comparison."""
DEAD = 60.0
"""Seconds for which a dead server stays away."""
PORT = 30080
PAGE = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: page}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: page}}}}
  template:
    metadata: {{labels: {{app: page}}}}
    spec:
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: {{matchLabels: {{app: page}}}}
      containers:
        - name: page
          image: {BOX}
          imagePullPolicy: Never
          command: [sh, -c, "mkdir /www && hostname > /www/index.html && exec httpd -f -p 8080 -h /www"]
          readinessProbe: {{httpGet: {{port: 8080, path: /}}, periodSeconds: 1}}
          lifecycle: {{preStop: {{exec: {{command: [sleep, "5"]}}}}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: page}}
spec: {{minAvailable: 1, selector: {{matchLabels: {{app: page}}}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: page}}
spec: {{type: NodePort, selector: {{app: page}}, ports: [{{port: 8080, nodePort: {PORT}}}]}}
"""


@dataclass
class Site:
    """A cluster that is measured; `text` returns its spec, `kill` ends a machine at once."""

    lab: Lab
    text: Callable[[int, str], str]
    write: Callable[[str], Path]
    kill: Callable[[str], None]
    page: bool

    def change(self, servers: int, version: str) -> None:
        """Apply the spec with so many servers of a version, and wait until all of them vote."""
        self.write(self.text(servers, version))
        self.lab.run("apply", "-y", "spec.yaml", timeout=LONG)
        wait_for(f"{servers} voters", lambda: voters(self.lab) == servers)

    @contextlib.contextmanager
    def clients(self) -> Iterator[dict[str, Probe]]:
        """Let the clients work for the `with`."""
        kubeconfig = self.lab.folder / ".kbootstrap" / f"{C}.run" / "kubeconfig"
        with contextlib.ExitStack() as all_of_them:
            begin = all_of_them.enter_context
            found = {"api": begin(probing(kubeconfig, self.lab.folder, PATIENCE))}
            wait_for("a first answer", lambda: found["api"].answered)
            found["watch"] = begin(watching(kubeconfig, self.lab.folder, PATIENCE))
            if self.page:
                found["page"] = begin(visiting(f"{self.address()}:{PORT}", PATIENCE))
            yield found

    def address(self) -> str:
        """Return the address of the agent."""
        addresses = self.lab.get("node", AGENT)["status"]["addresses"]
        return next(str(one["address"]) for one in addresses if one["type"] == "InternalIP")

    def measure(self, what: str, work: Callable[[], object]) -> dict[str, Any]:
        """Do something while the clients work, and return what they noticed."""
        begun = time.monotonic()
        with self.clients() as probes:
            work()
        row = {
            "change": what,
            "seconds": round(time.monotonic() - begun, 1),
            **{name: noticed(probe) for name, probe in probes.items()},
        }
        sys.stderr.write(f"{row}\n")
        return row


def noticed(probe: Probe) -> dict[str, Any]:
    """Return a client's record: counts, and seconds of the longest wait."""
    counts = {
        "answers": probe.answered,
        "failures": len(probe.failed),
        "longest_wait": round(probe.longest, 1),
    }
    return counts | ({"opened": probe.opened} if probe.opened else {}) | {"failed": probe.failed[:5]}


def measure(site: Site) -> list[dict[str, Any]]:
    """Make the cluster, and measure each change."""
    site.change(1, OLD)
    if site.page:
        site.lab.kubectl("apply", "-f", "-", stdin=PAGE)
        site.lab.kubectl("rollout", "status", "deployment/page", "--timeout=280s")

    def replaced() -> None:
        site.lab.run("replace", "-y", "spec.yaml", S1, timeout=LONG)

    def died() -> None:
        site.kill(S2)
        _pass(DEAD)

    return [
        site.measure("nothing", lambda: _pass(QUIET)),
        site.measure("one server to three", lambda: site.change(3, OLD)),
        site.measure("three servers to five", lambda: site.change(5, OLD)),
        site.measure("five servers to three", lambda: site.change(3, OLD)),
        site.measure("another version", lambda: site.change(3, NEW)),
        site.measure("the first server gets a new machine", replaced),
        site.measure("a server dies", died),
        site.measure("its machine is repaired", lambda: site.change(3, NEW)),
        site.measure("three servers to one", lambda: site.change(1, NEW)),
    ]


def _pass(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.5)


@contextlib.contextmanager
def local(place: Path, tofu: str) -> Iterator[Site]:
    """Lend a cluster of containers."""

    def text(servers: int, version: str) -> str:
        pools = "      - {name: web, nodes: 1}\n"
        return local_spec(C, name="bench", version=version, servers=f"nodes: {servers}", pools=pools)

    def kill(name: str) -> None:
        subprocess.run([engine(), "kill", name], check=True, capture_output=True)

    with local_lab(place, tofu, C) as lab:
        yield Site(lab, text, lab.spec, kill, page=True)


@contextlib.contextmanager
def cloud(place: Path) -> Iterator[Site]:
    """Lend a cluster of the test cloud, behind a load balancer."""
    with stack(place, "gaps") as made:

        def text(servers: int, version: str) -> str:
            pools = "[{name: web, nodes: 1, flavor: lab.small}]"
            return cloud_spec(C, pools, servers=servers, endpoint="load_balancer", version=version)

        def kill(name: str) -> None:
            made.cloud.admin.compute.stop_server(made.servers()[name])

        try:
            yield Site(made.lab, text, made.spec, kill, page=False)
        finally:
            made.destroy()


def main() -> None:
    """Measure, keep and print."""
    options = arguments(__doc__).parse_args()
    tofu = opentofu(options.tofu)
    with folder() as place, cloud(place) if options.cloud else local(place, tofu) as site:
        rows = measure(site)
    keep("interruptions_cloud" if options.cloud else "interruptions", {"changes": rows}, {})


if __name__ == "__main__":
    main()
