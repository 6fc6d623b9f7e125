"""Artifacts that the nodes of one machine share: `shared.sh` in a real shell, and what is sent to nodes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import zstandard

from kbootstrap.cluster.converge import node_actions, shared
from kbootstrap.cluster.converge.node_actions import NodeActions
from kbootstrap.cluster.state.desired import LocalFile
from kbootstrap.core.redact import Redactor
from kbootstrap.distros.k3s import K3s
from kbootstrap.distros.model import Artifact
from tests.cluster.converge.samples import A1, S1, plan_of
from tests.cluster.converge.shell import Shell
from tests.cluster.machines import Machines, carry_out
from tests.cluster.world import desired_cluster
from tests.hosts.fake import Put

OLD, NEW = "v1.31.0+k3s1", "v1.32.0+k3s1"
PROGRAM, ARCHIVE = "k3s", "k3s-airgap-images-amd64.tar.zst"


class Node:
    """A machine below a folder, and the versions that it shares with others.

    `store` is the image store of its service, `log` what the functions of the distribution did.
    """

    def __init__(self, folder: Path) -> None:
        self.shared, self.aside, self.log = folder / "shared", folder / "next", folder / "log"
        self.bin, self.data, self.stamp = folder / "bin" / "k3s", folder / "data", folder / "stamp"
        self.store = self.data / "agent" / "containerd"
        images = self.data / "agent" / "images" / ARCHIVE
        self.program = Artifact(PROGRAM, str(self.bin), 0o755)
        self.archive = Artifact(ARCHIVE, str(images), 0o644)
        self.images, self.host = images, Shell()
        self.stamp.write_text("cluster local\n")
        self.imports(works=True)

    def imports(self, *, works: bool) -> None:
        """Let the import of images work, or fail as where the service does not run."""
        text = (
            f'import_images() {{ echo "import $1" >> {self.log}; {"true" if works else "false"}; }}\n'
            f'release_images() {{ echo "release $1" >> {self.log}; }}\n'
        )

        class Distro(K3s):
            images = text

        plan = desired_cluster(1, 0)
        distro: Any = Distro(paths=dataclasses.replace(plan.distro.paths, stamp=str(self.stamp)))
        self.actions = NodeActions(self.host, dataclasses.replace(plan, distro=distro), Redactor())

    def unpack(self, version: str, *, sums: bool = True) -> Path:
        """Share a version, or (without the right sums) another build of it."""
        folder = self.shared / version
        (folder / "links" / "cni").mkdir(parents=True)
        (folder / PROGRAM).write_text(f"program {version}")
        (folder / ARCHIVE).write_text(f"archive {version}")
        (folder / f"{ARCHIVE}.images").write_text("image sha256:1\n")
        (folder / "links" / "k3s").symlink_to(folder / PROGRAM)
        (folder / "links" / "cni" / "bridge").symlink_to(f"{version}/cni")
        (folder / "bits").mkdir()
        (folder / "links" / version).symlink_to(folder / "bits")
        (folder / "store").mkdir()
        (folder / "store" / "db").write_text(version)
        (folder / f"{PROGRAM}.places").write_text(
            f"links/cni/bridge {self.data}/cni/bridge\n"
            f"links/{version} {self.data}/{version}\n"
            f"links/k3s {self.bin}\n"
        )
        (folder / f"{ARCHIVE}.places").write_text(f"store {self.store}\n")
        lines = "".join(f"{self.sha(version) if sums else '0' * 64} {name}\n" for name in (PROGRAM, ARCHIVE))
        (folder / "sums").write_text(lines)
        return folder

    @staticmethod
    def sha(version: str) -> str:
        return version.encode().hex().ljust(64, "0")[:64]

    def local(self, version: str) -> dict[str, LocalFile]:
        return {name: LocalFile(Path("/none"), self.sha(version)) for name in (PROGRAM, ARCHIVE)}

    async def place(self, artifact: Artifact, version: str, *, aside: bool = False) -> bool:
        return await self.actions.place_shared(artifact, version, self.local(version), aside=aside)

    async def load(self, version: str) -> bool:
        return await self.actions.load_shared(self.archive, version, self.local(version))

    async def swap(self, artifact: Artifact, version: str) -> bool:
        return await self.actions.swap_shared(artifact, version, self.local(version))

    def recorded(self) -> dict[str, tuple[str, str]]:
        """Return the size and the version of each artifact in the stamp."""
        first, *lines = self.stamp.read_text().splitlines()
        assert first == "cluster local"
        words = [line.split() for line in lines]
        return {Path(path).name: (size, version) for _, _, size, version, path in words}

    def waiting(self) -> list[str]:
        """Return what waits aside."""
        return sorted(path.name for path in self.aside.iterdir())


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    found = Node(tmp_path)
    monkeypatch.setattr(shared, "SHARED", str(found.shared))
    monkeypatch.setattr(node_actions, "NEXT", str(found.aside))
    return found


async def installed(node: Node) -> None:
    """Install the old version from the shared folder."""
    node.unpack(OLD)
    assert await node.place(node.program, OLD)
    assert await node.place(node.archive, OLD)


async def test_a_new_node_uses_it_in_place(node: Node) -> None:
    node.unpack("another build", sums=False)
    for _ in range(2):  # a run that was killed before it recorded it
        if not node.bin.is_symlink():
            node.unpack(OLD)
        assert await node.place(node.program, OLD)
        assert node.bin.readlink() == node.shared / OLD / PROGRAM
        assert (node.data / OLD).readlink() == node.shared / OLD / "bits"
    assert node.recorded() == {PROGRAM: (str(len(f"program {OLD}")), OLD)}
    assert await node.place(node.archive, OLD)
    assert (node.store / "db").read_text() == OLD
    assert node.recorded()[ARCHIVE] == ("unpacked", OLD)
    assert not node.images.exists()


@pytest.mark.parametrize("there", ["nothing", "another build", "no file"])
async def test_what_is_not_shared_is_not_used(node: Node, there: str) -> None:
    """The last is of a kbootstrap that did not keep the files themselves."""
    if there != "nothing":
        folder = node.unpack(OLD, sums=there == "no file")
        (folder / PROGRAM).unlink()
    for aside in (False, True):
        assert not await node.place(node.program, OLD, aside=aside)
    assert not node.bin.exists()
    assert not node.aside.exists()
    assert node.recorded() == {}


async def test_what_a_service_or_the_operator_has_is_kept(node: Node) -> None:
    """A folder that the program has unpacked itself, a network plugin of the operator, an image store."""
    folder = node.unpack(OLD)
    plugin, own = node.data / "cni" / "bridge", node.data / OLD / "own"
    for path in (plugin, own, node.store / "db", node.bin):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("own")
    assert await node.place(node.program, OLD)
    assert await node.place(node.archive, OLD)
    assert [path.read_text() for path in (plugin, own, node.store / "db")] == ["own"] * 3
    assert node.bin.readlink() == folder / PROGRAM
    assert node.images.readlink() == folder / ARCHIVE  # the service imports it
    assert node.recorded()[ARCHIVE] == (str(len(f"archive {OLD}")), OLD)


async def test_an_interrupted_copy_is_made_again(node: Node) -> None:
    node.unpack(OLD)
    half = node.store.with_name("containerd.part")
    half.mkdir(parents=True)
    (half / "half").write_text("")
    assert await node.place(node.archive, OLD)
    assert [path.name for path in node.store.iterdir()] == ["db"]
    assert not half.exists()


async def test_an_upgrade_sends_nothing(node: Node) -> None:
    await installed(node)
    before, new = node.recorded(), node.unpack(NEW)
    node.images.parent.mkdir()
    node.images.write_text("sent by an earlier version of kbootstrap")
    for _ in range(2):  # a run that was killed in between
        assert await node.place(node.program, NEW, aside=True)
        assert await node.place(node.archive, NEW, aside=True)
        assert await node.load(NEW)
    assert node.bin.readlink() == node.shared / OLD / PROGRAM
    assert (node.recorded(), node.waiting()) == (before, [PROGRAM, ARCHIVE])
    assert node.log.read_text().splitlines() == [f"import {new / ARCHIVE}"] * 2

    assert await node.swap(node.program, NEW)
    assert await node.swap(node.archive, NEW)
    assert node.bin.readlink() == new / PROGRAM
    assert (node.data / NEW).readlink() == new / "bits"
    assert (node.data / "cni" / "bridge").readlink() == Path(f"{NEW}/cni")
    assert (node.data / OLD).is_symlink()  # what runs uses it
    assert (node.store / "db").read_text() == OLD
    assert not node.images.parent.exists()
    assert node.recorded() == {PROGRAM: (str(len(f"program {NEW}")), NEW), ARCHIVE: ("unpacked", NEW)}
    assert node.waiting() == []
    assert node.log.read_text().splitlines()[2:] == [f"release {new / ARCHIVE}"]


async def test_a_service_that_does_not_run_imports_the_images_itself(node: Node) -> None:
    """The archive stays in its place then, as one that was sent."""
    await installed(node)
    new = node.unpack(NEW)
    node.imports(works=False)
    assert await node.place(node.archive, NEW, aside=True)
    assert await node.load(NEW)
    assert await node.swap(node.archive, NEW)
    assert node.images.readlink() == new / ARCHIVE
    assert node.recorded()[ARCHIVE] == (str(len(f"archive {NEW}")), NEW)
    assert node.waiting() == []
    assert "release" not in node.log.read_text()


async def test_an_operators_archive_stays(node: Node) -> None:
    await installed(node)
    node.unpack(NEW)
    own = node.images.with_name("own.tar")
    own.parent.mkdir()
    own.write_text("own")
    node.images.symlink_to(node.shared / OLD / ARCHIVE)
    assert await node.place(node.archive, NEW, aside=True)
    assert await node.load(NEW)
    assert await node.swap(node.archive, NEW)
    assert list(own.parent.iterdir()) == [own]


async def test_files_that_were_sent_are_not_touched(node: Node) -> None:
    await installed(node)
    before = node.recorded()
    node.aside.mkdir()
    for name in (PROGRAM, ARCHIVE):
        (node.aside / name).write_text("sent")
    assert not await node.load(NEW)
    assert not await node.swap(node.program, NEW)
    assert not await node.swap(node.archive, NEW)
    assert (node.recorded(), node.waiting()) == (before, [PROGRAM, ARCHIVE])
    assert not node.log.exists()


async def test_what_was_sent_before_gives_way(node: Node) -> None:
    """A run that was killed has sent a file; now it is shared."""
    await installed(node)
    new = node.unpack(NEW)
    node.aside.mkdir()
    (node.aside / PROGRAM).write_text("sent")
    assert await node.place(node.program, NEW, aside=True)
    assert (node.aside / PROGRAM).readlink() == new / PROGRAM
    assert await node.place(node.program, NEW)  # the run after that installs it in place
    assert node.waiting() == []


@pytest.mark.usefixtures("quick")
async def test_only_nodes_that_do_not_see_it_are_sent_files(tmp_path: Path) -> None:
    """A node that an earlier kbootstrap created may have no shared folder."""
    local = {name: LocalFile(tmp_path / name, "5" * 64) for name in (PROGRAM, ARCHIVE)}
    for file in local.values():
        file.path.write_bytes(zstandard.compress(b"content"))
    desired = desired_cluster(1, 1, version=NEW)
    machines = Machines(desired, sharing=frozenset({A1}))
    paths = [artifact.path for artifact in desired.artifacts["amd64"]]
    old = {path: {"sha256": "4" * 64, "version": OLD, "intact": True} for path in paths}
    plan = plan_of(desired, {"*": {"is": "running", "artifacts": old}}, {"*": {"version": OLD}})
    await carry_out(machines, plan, local, shared=True)
    sent = {
        name: sorted(Path(call.destination).name for call in host.calls if isinstance(call, Put))
        for name, host in machines.hosts.items()
    }
    assert sent == {A1: [], S1: [PROGRAM, ARCHIVE.removesuffix(".zst"), ARCHIVE]}
    agent = [line.removesuffix(f" {A1}") for line in machines.log if line.endswith(A1)]
    assert agent[:3] == ["set_aside", "set_aside", "load"]
    assert agent[3:8] == ["swap", "release", "swap", "release", "restart"]
    server = [line.removesuffix(f" {S1}") for line in machines.log if line.endswith(S1)]
    assert server[3:6] == ["swap", "swap", "restart"]
