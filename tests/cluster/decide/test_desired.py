from __future__ import annotations

from dataclasses import replace

import pytest

from kbootstrap.cluster.decide.desired import desired_state
from kbootstrap.cluster.state.desired import DesiredVolume
from kbootstrap.distros import find
from kbootstrap.inventory.model import Inventory, Machine, SshTarget
from kbootstrap.spec.model import Volume
from tests.cluster.world import EXTERNAL, INTERNAL, desired_cluster
from tests.distros.samples import cluster, nodes


def test_the_desired_state() -> None:
    plan = desired_cluster(3, 2, labels={"tier": "web"})
    assert [node.name for node in plan.servers] == [f"local-control-plane-{i}" for i in (1, 2, 3)]
    assert plan.registration == "https://10.9.0.10:6443"
    assert plan.node("local-default-2").labels == {"tier": "web"}
    assert {artifact.name for artifact in plan.artifacts["arm64"]} == {
        "k3s-arm64",
        "k3s-airgap-images-arm64.tar.zst",
    }
    with pytest.raises(KeyError):
        plan.node("nobody")


def test_each_distribution_has_its_own_door() -> None:
    assert (
        desired_cluster(1, 1, distribution="rke2", version="v1.32.1+rke2r1").registration
        == "https://10.9.0.10:9345"
    )


def test_volumes_by_the_ids_of_the_machine() -> None:
    spec = cluster(servers=1, agents=1)
    volumes = (Volume("data", 2, None, "/srv//data/"), Volume("logs", 1, None, "/srv/logs"))
    spec = replace(spec, pools=(replace(spec.pools[0], volumes=volumes),))
    made = Machine(
        "local-default-1", "10.9.0.11", SshTarget("a", "h", 22, "u"), "i", volumes={"data": "id-1"}
    )
    inventory = Inventory("local", {made.name: made}, INTERNAL, EXTERNAL, ())
    plan = desired_state(spec, nodes(1, 1), inventory, find("k3s"))
    assert plan.node(made.name).volumes == (
        DesiredVolume("data", "id-1", "/srv/data", 2 << 30),
        DesiredVolume("logs", "", "/srv/logs", 1 << 30),
    )
    assert plan.servers[0].volumes == ()
