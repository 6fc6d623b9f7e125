"""Cases as data: `cases/*.json` hold facts and wishes, and what was decided (`--update-golden` writes it)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.state.desired import LocalFile
from kbootstrap.cluster.steps.files import WriteFile
from kbootstrap.cluster.steps.plan import Plan
from tests.cluster.world import api, desired_cluster, facts
from tests.conftest import Golden

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))


def show(plan: Plan) -> dict[str, Any]:
    """Write a plan as people read it."""
    return {
        "initial_server": plan.initial_server,
        "members": list(plan.members),
        "diagnostics": [f"{d.code} {d.severity}: {d.reason}" for d in plan.diagnostics],
        "steps": {n: [f"{s.title} ({s.why})" for s in steps] for n, steps in plan.steps.items()},
    }


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, golden: Golden) -> None:
    case = json.loads(path.read_text())
    wish = dict(case["wanted"])
    if "local" in wish:
        wish["local"] = {name: LocalFile(Path(name), digest) for name, digest in wish["local"].items()}
    plan = desired_cluster(**wish)
    case["decided"] = show(decide(plan, facts(plan, case["facts"]), api(plan, case.get("api"))))
    golden.check(path, json.dumps(case, indent=2) + "\n")


def test_there_are_cases() -> None:
    assert len(CASES) >= 25


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_refused_or_possible(path: Path) -> None:
    """A plan that is not refused never leaves a node started without waiting for it."""
    steps = json.loads(path.read_text())["decided"]["steps"]
    for titles in steps.values():
        if any(title.startswith(("start ", "restart ")) for title in titles):
            assert any(title.startswith("wait until the node is Ready") for title in titles)


def test_order_of_servers_does_not_choose_the_initial_server() -> None:
    plan = desired_cluster(3, 0)
    states = {"*": {}, "local-control-plane-3": {"is": "staged", "join": "initial"}}
    assert decide(plan, facts(plan, states)).initial_server == "local-control-plane-3"


def test_a_server_joins_past_itself() -> None:
    """A floating IP, or the address of a machine: all nodes join through the first server."""
    plan = desired_cluster(3, 1)
    first = plan.servers[0]
    nodes = tuple(replace(node, address=f"10.9.0.{11 + i}") for i, node in enumerate(plan.nodes))
    plan = replace(plan, nodes=nodes, registration="https://10.9.0.11:6443")
    states = {"*": {"is": "running"}, first.name: {"is": "fresh"}, plan.nodes[3].name: {"is": "fresh"}}
    found = decide(plan, facts(plan, states), api(plan, {"*": {}}))
    joins = {
        name: step.file.content.partition("server: ")[2].split()[0]
        for name, steps in found.steps.items()
        for step in steps
        if isinstance(step, WriteFile) and step.file.path == plan.distro.paths.join
    }
    assert joins == {first.name: "https://10.9.0.12:6443", plan.nodes[3].name: "https://10.9.0.11:6443"}


def test_diffs() -> None:
    plan = desired_cluster(1, 0)
    config = plan.distro.paths.config
    old = plan.node("local-control-plane-1").files[0].content.replace("- traefik", "- coredns")
    change = {"is": "running", "files": {config: "0"}, "texts": {config: old}}
    found = decide(plan, facts(plan, {"*": change}), api(plan, {"*": {}}))
    write = next(s for s in found.steps["local-control-plane-1"] if isinstance(s, WriteFile))
    assert "-  - coredns\n+  - traefik\n" in write.diff
    new = next(
        s
        for s in decide(plan, facts(plan, {"*": {}})).steps["local-control-plane-1"]
        if isinstance(s, WriteFile)
    )
    assert new.diff.startswith("--- /dev/null")
    assert plan.node("local-control-plane-1").files[0].path in new.diff
    assert found.artifacts == frozenset()
    assert decide(plan, facts(plan, {"*": {}})).artifacts == {"k3s", "k3s-airgap-images-amd64.tar.zst"}
