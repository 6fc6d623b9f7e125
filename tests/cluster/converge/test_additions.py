"""What an infrastructure adds: decided as steps, carried out in the right order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.cluster.converge import readiness
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.decide.desired import desired_state
from kbootstrap.cluster.state.desired import DesiredCluster, LocalFile
from kbootstrap.cluster.steps.api import GiveSecret, WaitKnown
from kbootstrap.cluster.steps.base import Step
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.errors import DeadlinePassed
from kbootstrap.distros import find
from kbootstrap.distros.additions import UNINITIALIZED, Additions, SecretContent
from kbootstrap.inventory.model import Inventory
from kbootstrap.spec.model import Taint
from tests.cluster.machines import Machines, carry_out
from tests.cluster.world import EXTERNAL, INTERNAL, api, facts, running
from tests.distros.samples import cluster, nodes

SERVER, AGENT = "local-control-plane-1", "local-default-1"
FOLDER = "/var/lib/rancher/k3s/server/manifests"
ADDED = Additions(
    cloud_controller=True,
    manifests={"controller.yaml": "kind: DaemonSet\n"},
    images=(("controller", "v1.32.0"),),
    secret="cloud-config",
    readers="reads=it",
    controller="daemonset/controller",
)
UNKNOWN = Taint(UNINITIALIZED, "true", "NoSchedule")


def desired_cluster(
    servers: int = 1, agents: int = 1, *, additions: Additions = ADDED, good: str = "m1"
) -> DesiredCluster:
    inventory = Inventory("local", {}, INTERNAL, EXTERNAL, ("10.9.0.10",))
    spec = cluster(servers=servers, agents=agents)
    many = nodes(servers, agents)
    marks = frozenset({good})
    return replace(desired_state(spec, many, inventory, find("k3s"), additions=additions), good=marks)


def plan_of(
    wish: DesiredCluster, states: dict[str, Any], mark: str | None = "m1", taint: Taint | None = None
) -> Plan:
    seen = api(wish, {"*": {}}) if states.get("*", {}).get("is") == "running" else None
    if seen:
        found = {n: replace(one, taints=(taint,) if taint else ()) for n, one in seen.nodes.items()}
        seen = replace(seen, nodes=found, mark=mark)
    return decide(wish, facts(wish, states), seen)


def kinds(plan: Plan, node: str, *wanted_kinds: type[Step]) -> list[str]:
    return [type(s).__name__ for s in plan.steps.get(node, ()) if isinstance(s, wanted_kinds)]


def test_a_new_cluster_gets_manifests_images_a_secret_and_waits() -> None:
    wish = desired_cluster(3, 1)
    plan = plan_of(wish, {"*": {}})
    assert kinds(plan, SERVER, GiveSecret, WaitKnown) == ["WaitKnown", "GiveSecret"]
    for other in ("local-control-plane-2", "local-control-plane-3", AGENT):
        assert kinds(plan, other, GiveSecret, WaitKnown) == ["WaitKnown"]
    paths = {name: {file.path for file in wish.node(name).files} for name in (SERVER, AGENT)}
    assert f"{FOLDER}/controller.yaml" in paths[SERVER]
    assert f"{FOLDER}/controller.yaml" not in paths[AGENT]
    assert "controller-v1.32.0-amd64.tar.zst" in plan.artifacts
    assert "disable-cloud-controller: true\n" in wish.node(SERVER).files[0].content
    for name in (SERVER, AGENT):
        assert (
            "kubelet-arg:\n  - read-only-port=0\n  - cloud-provider=external\n"
            in wish.node(name).files[0].content
        )


@pytest.mark.parametrize(
    ("mark", "taint", "server", "agent"),
    [
        ("m1", None, [], []),
        ("m1", UNKNOWN, ["WaitKnown"], ["WaitKnown"]),
        (None, None, ["GiveSecret"], []),
        ("m0", None, ["GiveSecret"], []),
        ("", None, ["GiveSecret"], []),
    ],
)
def test_a_running_cluster(
    mark: str | None, taint: Taint | None, server: list[str], agent: list[str]
) -> None:
    plan = plan_of(desired_cluster(), {"*": {"is": "running"}}, mark, taint)
    assert [type(step).__name__ for step in plan.steps.get(SERVER, ())] == server
    assert [type(step).__name__ for step in plan.steps.get(AGENT, ())] == agent


def test_the_controller_of_a_running_cluster_is_neither_given_nor_taken() -> None:
    for before, after in ((Additions(), ADDED), (ADDED, Additions())):
        have, wish = desired_cluster(additions=before), desired_cluster(additions=after)
        plan = decide(wish, {n.name: running(have, n.name) for n in wish.nodes}, None)
        assert plan.refused
        assert "KB0811" in {problem.code for problem in plan.diagnostics}


def test_an_addon_is_not_removed() -> None:
    have = desired_cluster(additions=Additions(manifests={"storage.yaml": "kind: CSIDriver\n"}))
    wish = desired_cluster(additions=Additions())
    plan = decide(wish, {n.name: running(have, n.name) for n in wish.nodes}, None)
    assert [problem.code for problem in plan.diagnostics] == ["KB0827"]


class Cloud:
    """Makes Secrets, and counts them."""

    def __init__(self) -> None:
        self.made = 0

    async def __call__(self) -> SecretContent:
        self.made += 1
        return SecretContent("new", {"cloud.conf": "it"})


@pytest.fixture
def local(tmp_path: Path) -> dict[str, LocalFile]:
    names = ("k3s", "k3s-airgap-images-amd64.tar.zst", "controller-v1.32.0-amd64.tar.zst")
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    return {name: LocalFile(tmp_path / name, "5" * 64) for name in names}


async def test_the_secret_is_written_once_the_first_server_serves(local: dict[str, LocalFile]) -> None:
    machines, cloud = Machines(desired_cluster(3, 1)), Cloud()
    await carry_out(machines, plan_of(machines.plan, {"*": {}}), local, make_secret=cloud)
    log = machines.log
    assert log.index(f"serving {SERVER}") < log.index("secret cloud-config") < log.index(f"start {AGENT}")
    assert machines.secrets["cloud-config"].data == {"cloud.conf": "it"}
    assert cloud.made == 1
    assert "delete pods reads=it" not in log


async def test_pods_start_again_where_a_secret_is_replaced(local: dict[str, LocalFile]) -> None:
    machines, cloud = Machines(desired_cluster()), Cloud()
    machines.secrets["cloud-config"] = SecretContent("m0", {})
    await carry_out(
        machines, plan_of(machines.plan, {"*": {"is": "running"}}, "m0"), local, make_secret=cloud
    )
    assert machines.secrets["cloud-config"].mark == "new"
    assert machines.log[-2:] == ["delete pods reads=it", "close"]


async def test_a_secret_that_turns_out_to_be_good_is_left_alone(local: dict[str, LocalFile]) -> None:
    """The API was silent when it was decided."""
    machines, cloud = Machines(desired_cluster()), Cloud()
    machines.secrets["cloud-config"] = SecretContent("m1", {})
    plan = decide(machines.plan, facts(machines.plan, {"*": {"is": "running"}}), None)
    assert kinds(plan, SERVER, GiveSecret) == ["GiveSecret"]
    for name in (SERVER, AGENT):
        machines._begin("start", name)
    await carry_out(machines, plan, local, make_secret=cloud)
    assert cloud.made == 0


async def test_a_controller_that_never_comes(
    local: dict[str, LocalFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "KNOWN", 0.3)
    machines, cloud = Machines(desired_cluster(), taints=(UNKNOWN,)), Cloud()
    with pytest.raises(DeadlinePassed) as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local, make_secret=cloud)
    assert caught.value.code == "KB0826"
    assert "kubectl -n kube-system" in (caught.value.hint or "")
    assert "logs daemonset/controller" in (caught.value.hint or "")
