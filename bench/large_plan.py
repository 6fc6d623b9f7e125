"""Times what a plan for 20 clusters with 50 pools each costs besides OpenTofu and the nodes.

    python bench/large_plan.py [--clusters 20] [--pools 50]

Prints one JSON document: seconds of reading the spec, of rendering it, of the plan's document, and of every
view, where every node of every pool would be replaced and gets a changed file. Ratios compare with the time
in which the same run parses the spec's YAML alone.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML

from kbootstrap.cluster.steps.files import WriteFile
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.cluster.steps.service import RestartService
from kbootstrap.core.events import nowhere
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.runtime import Runtime
from kbootstrap.distros.model import NodeFile
from kbootstrap.engine.context import contexts
from kbootstrap.engine.rendered import render
from kbootstrap.plans.build import ClusterFindings, entry
from kbootstrap.plans.model import PlanDocument
from kbootstrap.spec.load import load_text
from kbootstrap.spec.model import Spec
from kbootstrap.tofu.plan import PlanSummary, ResourceChange
from kbootstrap.views.annotations import plan_annotations
from kbootstrap.views.links import Links
from kbootstrap.views.markdown import markdown
from kbootstrap.views.plan import show_plan
from kbootstrap.views.plan_data import plan_json

NODES = 2
"""In each pool."""


def spec_text(clusters: int, pools: int) -> str:
    """Return a spec of that size."""
    lines = ["apiVersion: kbootstrap/v1alpha1", "name: big", "clusters:"]
    for number in range(clusters):
        network = f"10.{number}.0.0/16, control_plane: 10.{number}.0.0/24, agents: 10.{number}.128.0/17"
        lines += [
            f"  c{number}:",
            "    provider: {local: {}}",
            "    kubernetes: {distribution: k3s, version: v1.32.0+k3s1}",
            f"    network: {{cidr: {network}}}",
            "    control_plane: {nodes: 3}",
            "    pools:",
            *(f"      - {{name: p{pool}, nodes: {NODES}}}" for pool in range(pools)),
        ]
    return "\n".join(lines) + "\n"


def found(spec: Spec, name: str, pools: int) -> ClusterFindings:
    """Return what was found of a cluster: all machines of pools are replaced, all their nodes change."""
    nodes = [(f"{name}-p{pool}-{number}", pool) for pool in range(pools) for number in range(1, NODES + 1)]
    before = "\n".join(f"key-{number}: {number}" for number in range(30)) + "\n"
    file = NodeFile("/etc/rancher/k3s/config.yaml", before.replace("key-5: 5", "key-5: 6"), 0o600)
    steps = {
        node: (
            WriteFile(node=node, why="it differs", file=file, existed=True, before=before),
            RestartService(node=node, why="its configuration changed", unit="k3s-agent.service"),
        )
        for node, _ in nodes
    }
    changes = tuple(
        ResourceChange(
            f'module.pool_p{pool}.terraform_data.node["{node}"]',
            "terraform_data",
            "replace",
            (),
            node,
            ("triggers_replace.image",),
            None,
            ("clusters", name, "pools", pool),
        )
        for node, pool in nodes
    )
    roles: dict[str, Literal["server", "agent"]] = dict.fromkeys(steps, "agent")
    return ClusterFindings(
        cluster=name,
        infrastructure=PlanSummary(changes, (), ()),
        steps=Plan(name, steps),
        source=spec.source,
        before=roles,
        after=roles,
        version="v1.32.0+k3s1",
        versions=("v1.32.0+k3s1",),
    )


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--clusters", type=int, default=20)
    options.add_argument("--pools", type=int, default=50)
    chosen = options.parse_args()
    seconds = measure(chosen.clusters, chosen.pools)
    floor = seconds["yaml alone"]
    shown = {
        name: {"seconds": round(took, 2), "ratio": round(took / floor, 2)} for name, took in seconds.items()
    }
    print(json.dumps({"clusters": chosen.clusters, "pools": chosen.pools, "steps": shown}, indent=2))


def measure(clusters: int, pools: int, clock: Callable[[], float] = time.monotonic) -> dict[str, float]:
    """Return the seconds of each step by `clock`."""
    text, path, redactor = spec_text(clusters, pools), Path("big.yaml"), Redactor()
    links = Links("https://git.example.org/shop", Path.cwd())
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it returns
        begun = clock()
        result = work()
        seconds[name] = clock() - begun
        return result

    timed("yaml alone", lambda: YAML(typ="rt").load(text))
    spec: Spec = timed("read and check", lambda: load_text(text, path).checked(path))
    runtime = Runtime(LocalRunner(), os.environ, Path("/nonexistent"), redactor, nowhere)
    timed("render", lambda: render(contexts(spec, spec.clusters, runtime, changing=False)))
    document = timed(
        "document",
        lambda: PlanDocument(
            "big", tuple(entry(found(spec, c.name, pools), redactor.clean) for c in spec.clusters)
        ),
    )
    with open(os.devnull, "w", encoding="utf-8") as sink:  # noqa: PTH123
        timed("terminal", lambda: show_plan(document, sink, {}))
    timed("json", lambda: plan_json(document))
    timed("markdown", lambda: markdown(document, links))
    timed("github", lambda: plan_annotations(document, links))
    return seconds


if __name__ == "__main__":
    main()
