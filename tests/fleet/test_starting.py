"""A server that has just started answers its API and refuses the rest: the next apply waits for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.core.events import Status
from tests.fleet import world
from tests.fleet.operator import Operator
from tests.fleet.wishes import VERSIONS, Pool, Wish

STEP = "save the etcd snapshot before-v1.32.0-k3s1"


@pytest.mark.parametrize("servers", [1, 3])
def test_an_upgrade_of_a_server_that_has_just_started(servers: int, tmp_path: Path) -> None:
    """As where the machine of the only server died while an upgrade sent files to it."""
    operator = Operator(tmp_path, Wish(servers=servers, pools=(Pool("web", 1),)))
    operator.make()
    operator.edit(replace(operator.wish, version=VERSIONS[1]))
    first = operator.world.machines["sim-control-plane-1"]
    operator.world.halt(first, running=False)
    operator.world.boot(first)
    ended = operator.converge()
    assert ended.error is None, f"{ended.error} {ended.error.detail}"
    waited = [one.detail or "" for one in ended.events if one.step == STEP and one.status is Status.WAITING]
    assert waited, "the server was asked once, or never refused"
    assert all("k3s.service is not ready for this yet: " in one for one in waited)
    assert "see server log for details" in waited[-1]


def test_a_server_that_keeps_refusing_ends_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "REFUSES", 10_000.0)
    operator = Operator(tmp_path, Wish(servers=1, pools=()))
    operator.make()
    operator.edit(replace(operator.wish, version=VERSIONS[1]))
    begun = operator.world.now
    ended = operator.desk.apply()
    assert ended.code == "KB0708"
    assert "etcd-snapshot save --name before-v1.32.0-k3s1" in str(ended.error)
    assert "see server log for details: https://127.0.0.1:6443/db/snapshot: 500" in str(ended.error)
    assert operator.world.now - begun < 200
    failed = [one for one in ended.events if one.step == STEP and one.status is Status.FAILED]
    assert [one.node for one in failed] == ["sim-control-plane-1"]
    assert "db/snapshot: 500" in (failed[0].detail or "")
