"""Actions on one node, in a real shell."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.cluster.converge import node_actions
from kbootstrap.cluster.state.wanted import LocalFile
from kbootstrap.cluster.steps.files import StageFile
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.distros.k3s import K3s
from kbootstrap.hosts.fake import FakeHost
from kbootstrap.hosts.model import Output
from tests.cluster.converge.samples import S1, plan_of
from tests.cluster.world import desired

pytestmark = pytest.mark.usefixtures("quick")


async def test_a_full_disk_keeps_the_stamp(tmp_path: Path, local: dict[str, LocalFile]) -> None:
    """Without its claim the machine would count as somebody else's."""
    stamp = tmp_path / "stamp"
    stamp.write_text("cluster local\nartifact 1 2 v0 /usr/local/bin/k3s\n")
    messages: list[str] = []

    class Shell(FakeHost):
        async def run(
            self, command: str, *, deadline: float, stdin: bytes | None = None, check: bool = True
        ) -> Output:
            del stdin
            done = await LocalRunner().run(["sh", "-c", command], deadline=deadline, check=False)
            messages.append(done.stderr)
            if check and done.status:
                raise InstallFailed(done.stderr)
            return Output(done.status, done.stdout, done.stderr)

    plan = desired(1, 0)
    distro: Any = K3s(paths=dataclasses.replace(plan.distro.paths, stamp=str(stamp)))
    steps = plan_of(plan, {"*": {}}).steps[S1]
    stage = next(step for step in steps if isinstance(step, StageFile))
    actions = node_actions.NodeActions(Shell(S1), dataclasses.replace(plan, distro=distro), Redactor())
    (tmp_path / "stamp.new").symlink_to("/dev/full")
    with pytest.raises(InstallFailed, match="No space left"):
        await actions.stage(stage.artifact, stage.version, local, aside=stage.aside)
    assert stamp.read_text().startswith("cluster local\n")
    assert "No space left" in messages[-1]
    (tmp_path / "stamp.new").unlink()
    await actions.stage(stage.artifact, stage.version, local, aside=stage.aside)
    assert stamp.read_text().splitlines()[0] == "cluster local"
    assert stamp.read_text().count("/usr/local/bin/k3s") == 1
