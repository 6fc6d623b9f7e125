"""Actions on one node, in a real shell."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.cluster.converge import node_actions
from kbootstrap.cluster.converge.node_actions import NodeActions
from kbootstrap.cluster.state.wanted import LocalFile
from kbootstrap.cluster.steps.files import StageFile
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.distros import find
from kbootstrap.distros.k3s import K3s
from kbootstrap.hosts.fake import FakeHost
from kbootstrap.hosts.model import Output
from tests.cluster.converge.samples import S1, plan_of
from tests.cluster.world import desired

pytestmark = pytest.mark.usefixtures("quick")


class Shell(FakeHost):
    """Runs commands in a shell of this machine."""

    def __init__(self) -> None:
        super().__init__(S1)
        self.messages: list[str] = []

    async def run(
        self, command: str, *, deadline: float, stdin: bytes | None = None, check: bool = True
    ) -> Output:
        del stdin
        done = await LocalRunner().run(["sh", "-c", command], deadline=deadline, check=False)
        self.messages.append(done.stderr)
        if check and done.status:
            raise InstallFailed(done.stderr)
        return Output(done.status, done.stdout, done.stderr)


def actions_of(host: FakeHost, stamp: Path) -> tuple[NodeActions, StageFile]:
    """The actions of a node with its stamp at that path, and its first step that sends an artifact."""
    plan = desired(1, 0)
    distro: Any = K3s(paths=dataclasses.replace(plan.distro.paths, stamp=str(stamp)))
    steps = plan_of(plan, {"*": {}}).steps[S1]
    stage = next(step for step in steps if isinstance(step, StageFile))
    return NodeActions(host, dataclasses.replace(plan, distro=distro), Redactor()), stage


async def test_a_full_disk_keeps_the_stamp(tmp_path: Path, local: dict[str, LocalFile]) -> None:
    """Without its claim the machine would count as somebody else's."""
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


class TestPlaceShared:
    """Artifacts that are unpacked on the machine: `place.sh` in a real shell."""

    @pytest.fixture(autouse=True)
    def _shared(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, local: dict[str, LocalFile]) -> None:
        monkeypatch.setattr(node_actions, "SHARED", str(tmp_path / "shared"))
        self.stamp, self.host, self.local = tmp_path / "stamp", Shell(), local
        self.stamp.write_text("cluster local\n")
        self.actions, self.stage = actions_of(self.host, self.stamp)
        self.programs = tmp_path / "node" / "bin" / "k3s"
        self.data = tmp_path / "node" / "data" / "0123"

    def unpack(self, folder: Path, *, sha256: str = "") -> None:
        """Fill a folder of shared artifacts with the program and its data."""
        name = self.stage.artifact.name
        (folder / "links").mkdir(parents=True)
        (folder / "k3s").write_text("program")
        (folder / "links" / "k3s").symlink_to(folder / "k3s")
        (folder / "data").mkdir()
        (folder / "data" / "layer").write_text("layer")
        (folder / f"{name}.places").write_text(f"data {self.data}\nlinks/k3s {self.programs}\n")
        (folder / "sums").write_text(f"{sha256 or self.local[name].sha256} {name}\n")

    async def place(self) -> bool:
        return await self.actions.place_shared(self.stage.artifact, self.stage.version, self.local)

    async def test_it_is_used_in_place_and_recorded(self, tmp_path: Path) -> None:
        self.unpack(tmp_path / "shared" / "a", sha256="0" * 64)
        self.unpack(tmp_path / "shared" / "b")
        for _ in range(2):  # a run that was killed before it recorded it
            assert await self.place()
            assert self.programs.readlink() == tmp_path / "shared" / "b" / "k3s"
            (self.data / "layer").unlink()
            self.data.rmdir()
        recorded = self.stamp.read_text().splitlines()
        assert recorded[0] == "cluster local"
        assert len(recorded) == 2
        assert recorded[1].split()[0] == "artifact"

    @pytest.mark.parametrize("there", ["nothing", "another build"])
    async def test_another_build_is_not_used(self, tmp_path: Path, there: str) -> None:
        if there == "another build":
            self.unpack(tmp_path / "shared" / "a", sha256="0" * 64)
        assert not await self.place()
        assert not self.programs.exists()
        assert self.stamp.read_text() == "cluster local\n"

    async def test_a_folder_in_the_place_is_kept(self, tmp_path: Path) -> None:
        """A running service uses it: the files are sent instead."""
        self.unpack(tmp_path / "shared" / "a")
        self.data.mkdir(parents=True)
        (self.data / "own").write_text("own")
        assert not await self.place()
        assert [path.name for path in self.data.iterdir()] == ["own"]
        assert not self.programs.exists()

    async def test_an_interrupted_copy_is_made_again(self, tmp_path: Path) -> None:
        self.unpack(tmp_path / "shared" / "a")
        half = self.data.with_name("0123.part")
        half.mkdir(parents=True)
        (half / "half").write_text("")
        assert await self.place()
        assert [path.name for path in self.data.iterdir()] == ["layer"]
        assert not half.exists()
