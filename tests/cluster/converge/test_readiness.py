"""Waiting until a node is Ready."""

from __future__ import annotations

import pytest

from kbootstrap.cluster.converge import readiness
from kbootstrap.cluster.state.desired import LocalFile
from kbootstrap.core.errors import DeadlinePassed, InstallFailed
from tests.cluster.converge.samples import A1, S1, plan_of
from tests.cluster.machines import Machines, carry_out
from tests.cluster.world import api, desired_cluster

pytestmark = pytest.mark.usefixtures("quick")


async def test_a_ready_from_before_does_not_count(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(1, 1), clock=1000)
    stopped = {"*": {"is": "running"}, A1: {"is": "running", "unit": {"active": "inactive"}}}
    plan = plan_of(machines.plan, stopped, {"*": {"heartbeat": 900}})
    machines.nodes = dict(api(machines.plan, {"*": {"heartbeat": 900}}).nodes)  # type: ignore[union-attr]
    machines.ready = frozenset()
    with pytest.raises(DeadlinePassed):
        await carry_out(machines, plan, local)
    machines.ready = None
    await carry_out(machines, plan, local)


async def test_a_node_that_never_registers(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(1, 1), ready=frozenset({S1}), journal={A1: "Node password rejected"})
    with pytest.raises(DeadlinePassed, match="it never registered") as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert caught.value.code == "KB0816"
    assert "another password" in caught.value.message


async def test_a_known_cause_ends_the_wait(
    monkeypatch: pytest.MonkeyPatch, local: dict[str, LocalFile]
) -> None:
    monkeypatch.setattr(readiness, "READY", 60.0)
    monkeypatch.setattr(readiness, "_LOOK", 0)
    machines = Machines(
        desired_cluster(1, 1), ready=frozenset({S1}), journal={A1: "token CA hash does not match"}
    )
    with pytest.raises(InstallFailed, match="the cluster refuses its token") as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert caught.value.host == A1
