"""Actions on one node, in a real shell."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.cluster.converge import node_actions
from kbootstrap.cluster.converge.node_actions import NodeActions
from kbootstrap.cluster.state.desired import LocalFile
from kbootstrap.cluster.steps.files import StageFile
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.redact import Redactor
from kbootstrap.distros import find
from kbootstrap.distros.k3s import K3s
from tests.cluster.converge.samples import S1, plan_of
from tests.cluster.converge.shell import Shell
from tests.cluster.world import desired_cluster
from tests.hosts.fake import FakeHost

pytestmark = pytest.mark.usefixtures("quick")


def actions_of(host: FakeHost, stamp: Path) -> tuple[NodeActions, StageFile]:
    """The actions of a node with its stamp at that path, and its first step that sends an artifact."""
    plan = desired_cluster(1, 0)
    distro: Any = K3s(paths=dataclasses.replace(plan.distro.paths, stamp=str(stamp)))
    steps = plan_of(plan, {"*": {}}).steps[S1]
    stage = next(step for step in steps if isinstance(step, StageFile))
    return NodeActions(host, dataclasses.replace(plan, distro=distro), Redactor()), stage


async def test_a_full_disk_keeps_the_stamp(tmp_path: Path, local: dict[str, LocalFile]) -> None:
    """Without its claim the machine would count as one of another cluster."""
    stamp, host = tmp_path / "stamp", Shell()
    stamp.write_text("cluster local\nartifact 1 2 v0 /usr/local/bin/k3s\n")
    actions, stage = actions_of(host, stamp)
    (tmp_path / "stamp.new").symlink_to("/dev/full")
    with pytest.raises(InstallFailed, match="No space left"):
        await actions.stage(stage.artifact, stage.version, local, aside=stage.aside)
    assert stamp.read_text().startswith("cluster local\n")
    assert "No space left" in host.messages[-1]
    (tmp_path / "stamp.new").unlink()
    await actions.stage(stage.artifact, stage.version, local, aside=stage.aside)
    assert stamp.read_text().splitlines()[0] == "cluster local"
    assert stamp.read_text().count("/usr/local/bin/k3s") == 1


async def test_what_is_sent_is_made_usable_before_it_is_recorded(
    tmp_path: Path, local: dict[str, LocalFile]
) -> None:
    """A run that is cut in between sends it again; what waits aside is not touched."""
    stamp, host = tmp_path / "stamp", Shell()
    stamp.write_text("cluster local\n")
    actions, stage = actions_of(host, stamp)
    unpacked = dataclasses.replace(stage.artifact, after=f"cp {stamp} {tmp_path}/before")
    await actions.stage(unpacked, stage.version, local, aside=True)
    assert not (tmp_path / "before").exists()
    await actions.stage(unpacked, stage.version, local, aside=False)
    assert (tmp_path / "before").read_text() == "cluster local\n"
    assert unpacked.path in stamp.read_text()
    broken = dataclasses.replace(unpacked, after="exit 1")
    with pytest.raises(InstallFailed):
        await actions.stage(broken, "v2", local, aside=False)
    assert "v2" not in stamp.read_text()


async def test_a_control_plane_ends_with_the_service_of_a_server_that_leaves() -> None:
    rke2 = find("rke2")
    host = FakeHost(S1)
    await node_actions.stop_service(host, rke2.unit("server"), rke2)
    assert host.commands[1:] == [rke2.halt]
    for unit, distro in ((rke2.unit("agent"), rke2), ("k3s.service", find("k3s"))):
        other = FakeHost(S1)
        await node_actions.stop_service(other, unit, distro)
        assert len(other.commands) == 1
