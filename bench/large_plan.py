"""Measures what a plan for many nodes costs besides OpenTofu and the nodes.

    python -m bench.large_plan

Two shapes: 20 clusters of 50 small pools, and one cluster of 1,000 nodes. Prints the processor seconds of
reading the spec, of rendering it, of the plan's document, and of every view, where every node of every pool
would be replaced and gets a changed file. Ratios compare with the time in which the same run parses the YAML
of the first shape alone.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML

from bench.results import keep
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

AIM = 2.0
"""Seconds for the plan's document and all views of 1,000 nodes."""
_RUNS = 4
"""Of each step; the fastest counts, because other processes only make it slower."""
_NOISE = 0.05
"""Seconds. What is faster has no ratio."""
_VIEWS = ("document", "terminal", "json", "markdown", "github")


@dataclass(frozen=True, slots=True)
class Shape:
    """How many clusters, pools in each, and nodes in each pool."""

    clusters: int
    pools: int
    nodes: int


SHAPES = {"large_plan": Shape(20, 50, 2), "plan_1000": Shape(1, 10, 100)}


def spec_text(shape: Shape) -> str:
    """Return a spec of that size."""
    lines = ["apiVersion: kbootstrap/v1alpha1", "name: big", "clusters:"]
    for number in range(shape.clusters):
        network = f"10.{number}.0.0/16, control_plane: 10.{number}.0.0/24, agents: 10.{number}.128.0/17"
        lines += [
            f"  c{number}:",
            "    provider: {local: {}}",
            "    kubernetes: {distribution: k3s, version: v1.32.0+k3s1, pod_cidr: 10.128.0.0/12}",
            f"    network: {{cidr: {network}}}",
            "    control_plane: {nodes: 3}",
            "    pools:",
            *(f"      - {{name: p{pool}, nodes: {shape.nodes}}}" for pool in range(shape.pools)),
        ]
    return "\n".join(lines) + "\n"


def found(spec: Spec, name: str, shape: Shape) -> ClusterFindings:
    """Return what was found of a cluster: all machines of pools are replaced, all their nodes change."""
    numbers = range(1, shape.nodes + 1)
    nodes = [(f"{name}-p{pool}-{number}", pool) for pool in range(shape.pools) for number in numbers]
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
    """Measure, keep and print."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    floors: list[float] = []
    for name, shape in SHAPES.items():
        runs = []
        for _ in range(_RUNS):
            floors.append(parse(SHAPES["large_plan"]))
            runs.append(measure(shape))
        seconds = {step: min(run[step] for run in runs) for step in runs[0]}
        views = sum(seconds[step] for step in _VIEWS)
        figures = {
            **asdict(shape),
            "floor": round(min(floors), 2),
            "seconds": {step: round(took, 2) for step, took in seconds.items()},
            "views": round(views, 2),
            "aim": AIM,
        }
        found = {"read": seconds["read and check"], "render": seconds["render"], "views": views}
        keep(name, figures, {step: took / min(floors) for step, took in found.items() if took > _NOISE})


def parse(shape: Shape, clock: Callable[[], float] = time.process_time) -> float:
    """Return the seconds of parsing the YAML alone."""
    text, begun = spec_text(shape), clock()
    YAML(typ="rt").load(text)
    return clock() - begun


def measure(shape: Shape, clock: Callable[[], float] = time.process_time) -> dict[str, float]:
    """Return the seconds of each step by `clock`."""
    text, path, redactor = spec_text(shape), Path("big.yaml"), Redactor()
    links = Links("https://git.example.org/shop", Path.cwd())
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it returns
        begun = clock()
        result = work()
        seconds[name] = clock() - begun
        return result

    spec: Spec = timed("read and check", lambda: load_text(text, path).checked(path))
    runtime = Runtime(LocalRunner(), os.environ, Path("/nonexistent"), redactor, nowhere)
    timed("render", lambda: render(contexts(spec, spec.clusters, runtime, changing=False)))
    document = timed(
        "document",
        lambda: PlanDocument(
            "big", tuple(entry(found(spec, c.name, shape), redactor.clean) for c in spec.clusters)
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
