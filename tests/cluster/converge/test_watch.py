"""Changes and reads of Node objects while other clients change them, or while the API is silent."""

from __future__ import annotations

import pytest

from kbootstrap.cluster.converge import watch
from kbootstrap.cluster.state.desired import LocalFile
from kbootstrap.core.errors import InstallFailed
from tests.cluster.converge.samples import A1, plan_of
from tests.cluster.machines import Machines, carry_out
from tests.cluster.world import desired_cluster

pytestmark = pytest.mark.usefixtures("quick")


async def test_labels_are_tried_again_after_a_conflict(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(1, 1, labels={"tier": "web"}), conflicts=2)
    await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert machines.nodes[A1].labels == {"tier": "web"}
    assert machines.nodes[A1].applied == '{"labels":["tier"],"taints":[]}'


async def test_an_api_that_stays_silent(monkeypatch: pytest.MonkeyPatch, local: dict[str, LocalFile]) -> None:
    monkeypatch.setattr(watch, "API", 0.05)
    machines = Machines(desired_cluster(1, 0), silent=True)
    with pytest.raises(InstallFailed) as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert caught.value.code == "KB0817"
