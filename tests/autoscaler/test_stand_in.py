"""The stand-in for Cluster Autoscaler decides as it should: without a cluster, on groups and pods as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kbootstrap.autoscaler.template import template
from kbootstrap.autoscaler.wire.messages import kubernetes
from kbootstrap.providers.elastic import Shape
from tests.autoscaler.samples import small
from tests.e2e.autoscaler import Scaler
from tests.e2e.lab import Lab
from tests.e2e.stand_in import StandIn

SHAPES = {"s": (Shape(1, 4096, 20), 1.0), "l": (Shape(4, 16384, 20), 5.0)}
CPUS = 1.0
"""The price of a processor where it costs least."""


@dataclass
class World:
    """Plays server and cluster. `sizes` are targets; nodes are `<group>-<number>`."""

    sizes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SHAPES, 0))
    most: int = 3
    least: int = 0
    failing: set[str] = field(default_factory=set)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    pods: list[dict[str, Any]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def node(self, group: str, *, kept: bool = False, ready: str = "True") -> str:
        name = f"{group}-{sum(one['metadata']['name'].startswith(group) for one in self.nodes)}"
        shape = SHAPES[group][0]
        marks = {"cluster-autoscaler.kubernetes.io/scale-down-disabled": "true"} if kept else {}
        self.nodes.append(
            {
                "metadata": {"name": name, "labels": {"tier": "web"}, "annotations": marks},
                "spec": {"providerID": f"k3s://{name}"},
                "status": {
                    "allocatable": {"cpu": str(shape.cpus), "memory": f"{shape.memory_mib}Mi"},
                    "conditions": [{"type": "Ready", "status": ready}],
                },
            }
        )
        return name

    def pod(self, cpu: str, at: str = "", selector: dict[str, str] | None = None) -> None:
        container = {"resources": {"requests": {"cpu": cpu, "memory": "64Mi"}}}
        waits = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
        self.pods.append(
            {
                "metadata": {"name": f"pod-{len(self.pods)}"},
                "spec": {
                    "containers": [container],
                    "nodeSelector": selector or {},
                    **({"nodeName": at} if at else {}),
                },
                "status": {"phase": "Running" if at else "Pending", "conditions": [] if at else [waits]},
            }
        )

    def get(self, kind: str, *_words: str) -> dict[str, Any]:
        return {"items": {"nodes": self.nodes, "pods": self.pods}[kind]}

    def call(self, name: str, **fields: Any) -> Any:  # noqa: ANN401 - messages
        if name == "NodeGroups":
            room = self.most - sum(self.sizes.values())
            groups = [
                SimpleNamespace(id=id_, minSize=self.least, maxSize=size + room)
                for id_, size in self.sizes.items()
            ]
            return SimpleNamespace(nodeGroups=groups)
        if name == "NodeGroupTemplateNodeInfo":
            group = small(id=fields["id"], labels={"tier": "web"})
            return SimpleNamespace(nodeInfo=template(group, SHAPES[fields["id"]][0], kubernetes))
        if name == "NodeGroupIncreaseSize":
            self.sizes[fields["id"]] += fields["delta"]
        return None

    def instances(self, group: str) -> dict[str, int]:
        return {one["spec"]["providerID"]: 1 for one in self.nodes if one["metadata"]["name"][0] == group}

    def target(self, group: str) -> int:
        return self.sizes[group]

    def idle(self, _group: str) -> float:
        return 0.0

    def faults(self, group: str) -> list[tuple[int, str]]:
        return [(1, "quota")] if group in self.failing else []

    def node_price(self, node: dict[str, Any]) -> float:
        return SHAPES[node["name"].removeprefix("template-node-for-").partition("-")[0]][1]

    def pod_price(self, requests: dict[str, str]) -> float:
        return float(requests["cpu"].removesuffix("m")) / 1000 * CPUS

    def remove(self, _group: str, name: str) -> None:
        self.removed.append(name)


def rounds(world: World, number: int = 1) -> None:
    made = StandIn(cast("Scaler", world), cast("Lab", world))
    for _ in range(number):
        made._round()


@pytest.mark.parametrize(
    ("pods", "sizes"),
    [
        (["600m"], {"s": 1, "l": 0}),
        (["600m"] * 3, {"s": 3, "l": 0}),
        (["600m"] * 9, {"s": 3, "l": 0}),
        (["3000m"], {"s": 0, "l": 1}),
        (["600m", "3500m"], {"s": 1, "l": 1}),
        (["600m", "3000m"], {"s": 0, "l": 1}),
        (["3000m"] * 5, {"s": 0, "l": 3}),
        (["5000m"], {"s": 0, "l": 0}),
        (["900m"] * 4 + ["100m"], {"s": 3, "l": 0}),
    ],
)
def test_pods_get_the_cheapest_flavor_within_the_bounds(pods: list[str], sizes: dict[str, int]) -> None:
    """And none again for pods that wait for nodes that are being created."""
    world = World()
    for cpu in pods:
        world.pod(cpu)
    rounds(world, 4)
    assert world.sizes == sizes


def test_no_node_for_pods_that_want_another_label_or_fit_already() -> None:
    world = World()
    world.node("l", kept=True)
    world.pod("600m", selector={"tier": "other"})
    world.pod("600m", selector={"tier": "web"})
    rounds(world, 2)
    assert world.sizes == {"s": 0, "l": 0}


@pytest.mark.parametrize("taint", ["not-ready", "network-unavailable"])
def test_a_ready_node_whose_taint_is_still_there(taint: str) -> None:
    """It is about to take the pod that waits; another node would be one too many."""
    world = World(sizes={"s": 1, "l": 0})
    world.node("s")
    world.nodes[0]["spec"]["taints"] = [{"key": f"node.kubernetes.io/{taint}", "effect": "NoSchedule"}]
    world.pod("600m")
    rounds(world, 2)
    assert world.sizes == {"s": 1, "l": 0}


def test_a_group_with_a_failure_is_backed_off() -> None:
    world = World(failing={"s"})
    world.pod("600m")
    rounds(world)
    assert world.sizes == {"s": 0, "l": 1}


def test_an_idle_node_leaves_and_its_pods_must_fit_elsewhere() -> None:
    world = World(sizes={"s": 2, "l": 0})
    first, second = world.node("s"), world.node("s")
    world.pod("600m", at=first)
    world.pod("400m", at=second)
    rounds(world)
    assert world.removed == [second]
    world.pods[1]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "450m"
    world.removed.clear()
    rounds(world)
    assert world.removed == []


@pytest.mark.parametrize(
    ("change", "removed"),
    [
        ({}, 1),
        ({"least": 1}, 0),
        ({"kept": True}, 0),
        ({"ready": "False"}, 0),
        ({"cpu": "600m"}, 0),
    ],
)
def test_what_keeps_a_node(change: dict[str, Any], removed: int) -> None:
    world = World(sizes={"s": 1, "l": 0}, least=change.get("least", 0))
    name = world.node("s", kept=change.get("kept", False), ready=change.get("ready", "True"))
    world.node("l", kept=True)
    if cpu := change.get("cpu"):
        world.pod(cpu, at=name)
    rounds(world)
    assert len(world.removed) == removed


def test_nothing_is_removed_while_pods_wait() -> None:
    world = World(sizes={"s": 1, "l": 0}, most=1)
    world.node("s")
    world.pod("5000m")
    rounds(world)
    assert world.removed == []
