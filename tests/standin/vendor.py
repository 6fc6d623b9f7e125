"""Packs the stand-in for RKE2 as RKE2's vendor publishes it: names, layout of the tarball, images, checksums.

    <folder>/<version>/rke2.linux-<arch>.tar.gz         bin/, lib/systemd/system/, share/rke2/
    <folder>/<version>/rke2-images-<kind>.linux-<arch>.tar.zst
    <folder>/<version>/sha256sum-<arch>.txt

Such a folder is a mirror of the spec (`artifacts: {mirror: file:///…}`). Layout: RKE2's
`scripts/package-bundle` and `scripts/package-images`.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zstandard

from kbootstrap.artifacts.source import images
from kbootstrap.artifacts.source.bundle import CNI_LINKS
from kbootstrap.artifacts.source.images import Image
from kbootstrap.artifacts.source.pack import Data, Entry, Symlink, write_tar
from kbootstrap.distros.rke2 import Rke2, minors

HERE = Path(__file__).parent
PROGRAMS = ("containerd-shim-runc-v2", "runc", "cni")
"""The programs of nodes besides the engine, by their names in its folder."""
ENGINE = "rke2-engine"
_LINKS = {
    **dict.fromkeys(("containerd", "crictl", "ctr", "kubectl"), ENGINE),
    **dict.fromkeys(CNI_LINKS, "cni"),
}
_TAR = {
    "bin/rke2-killall.sh": "#!/bin/sh\n# A stand-in has none.\nexit 1\n",
    "bin/rke2-uninstall.sh": "#!/bin/sh\n# A stand-in has none.\nexit 1\n",
    "lib/systemd/system/rke2-agent.env": "HOME=/root\n",
    "lib/systemd/system/rke2-agent.service": "[Service]\nExecStart=/usr/local/bin/rke2 agent\n",
    "lib/systemd/system/rke2-server.env": "HOME=/root\n",
    "lib/systemd/system/rke2-server.service": "[Service]\nExecStart=/usr/local/bin/rke2 server\n",
    "share/rke2/LICENSE.txt": "A stand-in for tests of kbootstrap.\n",
    "share/rke2/rke2-cis-sysctl.conf": "vm.panic_on_oom=0\nvm.overcommit_memory=1\nkernel.panic=10\n"
    "kernel.panic_on_oops=1\n",
}
_PROGRAM_MODE, _FILE_MODE = 0o755, 0o644


def publish(folder: Path, version: str, arch: str, programs: Mapping[str, Path], addons: Path) -> Path:
    """Write a release of the stand-in below `folder`, and return its own folder.

    `programs` has the engine and `PROGRAMS`, `addons` is the archive of images that the engine deploys.
    """
    place = folder / version
    place.mkdir(parents=True, exist_ok=True)
    runtime = {f"bin/{name}": Data(path, _PROGRAM_MODE) for name, path in programs.items()}
    links: dict[str, Entry] = {f"bin/{name}": Symlink(target) for name, target in _LINKS.items()}
    image = Image(f"rancher/rke2-runtime:{version.replace('+', '-')}", {**runtime, **links}, {})
    release = Rke2().release(version, arch)
    core = place / f"rke2-images-core.linux-{arch}.tar.zst"
    layer = merged(image, addons, arch, core)
    for name in (*release.files, *release.others):
        if "-images-" in name and name != core.name:
            kind = name.removeprefix("rke2-images-").partition(".")[0]
            mark = {"etc/stand-in": Data(f"{kind} of {version}\n".encode())}
            images.pack(
                [Image(f"rancher/stand-in-{kind}:{version.replace('+', '-')}", mark)], arch, place / name
            )
    tarball(place / f"rke2.linux-{arch}.tar.gz", program(version, layer))
    names = sorted(path.name for path in place.iterdir() if not path.name.startswith("sha256sum"))
    sums = "".join(f"{hashlib.sha256((place / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    (place / f"sha256sum-{arch}.txt").write_text(sums)
    assert minors.of(version) is not None, "a version that kbootstrap does not know"
    return place


def program(version: str, layer: str) -> str:
    """Return the text of `bin/rke2`."""
    text = (HERE / "rke2.sh").read_text("utf-8")
    for name, value in {
        "VERSION": version,
        "LAYER": layer,
        "SERVER_KEYS": (HERE / "server.keys").read_text("utf-8").strip(),
        "AGENT_KEYS": (HERE / "agent.keys").read_text("utf-8").strip(),
    }.items():
        text = text.replace(f"@{name}@", value)
    return text


def tarball(target: Path, text: str) -> None:
    """Write the tarball with the program."""
    with tarfile.open(target, "w:gz") as archive:
        for name, content in sorted({**_TAR, "bin/rke2": text}.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode = (
                len(content.encode()),
                _PROGRAM_MODE if name.startswith("bin/") else _FILE_MODE,
            )
            archive.addfile(info, io.BytesIO(content.encode()))


def merged(image: Image, addons: Path, arch: str, target: Path) -> str:
    """Write an archive with an image and those of another archive; return the digest of the image's layer."""
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        own, theirs = Path(scratch, "own.tar.zst"), Path(scratch, "theirs")
        images.pack([image], arch, own)
        entries: dict[str, Entry] = {}
        manifest: list[dict[str, Any]] = []
        for number, archive in enumerate((own, addons)):
            folder = theirs / str(number)
            _unpack(archive, folder)
            manifest += json.loads((folder / "manifest.json").read_bytes())
            entries |= {
                str(path.relative_to(folder)): Data(path)
                for path in folder.rglob("*")
                if path.is_file() and path.name != "manifest.json"
            }
        entries["manifest.json"] = Data(json.dumps(manifest).encode())
        compressor = zstandard.ZstdCompressor(level=1)
        with target.open("wb") as raw, compressor.stream_writer(raw, closefd=False) as stream:
            write_tar(stream, entries)
    return str(manifest[0]["Layers"][0].partition("/")[0])


def _unpack(archive: Path, folder: Path) -> None:
    with (
        archive.open("rb") as packed,
        zstandard.ZstdDecompressor().stream_reader(packed) as stream,
        tarfile.open(fileobj=stream, mode="r|") as tar,
    ):
        tar.extractall(folder, filter="data")
