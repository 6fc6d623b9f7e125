"""The air-gap tarball is what `docker save` writes, and the same each time."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import zstandard

from kbootstrap.artifacts.source.images import ACCOUNTS, Image, pack
from kbootstrap.artifacts.source.pack import Data

IMAGES = [
    Image("example/one:1", {"one": Data(b"program", 0o755)}, {"Entrypoint": ["/one"]}),
    Image("example/two:2", {"two": Data(b"program", 0o755), **ACCOUNTS}, {"Cmd": ["two"], "User": "65534"}),
]


def unpacked(path: Path) -> dict[str, bytes]:
    with zstandard.open(path) as stream, tarfile.open(fileobj=io.BytesIO(stream.read())) as archive:
        return {m.name: file.read() for m in archive if (file := archive.extractfile(m))}


def test_manifest_configuration_and_layers_agree(tmp_path: Path) -> None:
    pack(IMAGES, "arm64", tmp_path / "images.tar.zst")
    files = unpacked(tmp_path / "images.tar.zst")
    manifest = json.loads(files["manifest.json"])
    assert [image["RepoTags"] for image in manifest] == [["example/one:1"], ["example/two:2"]]
    for image, wanted in zip(manifest, IMAGES, strict=True):
        config = files[image["Config"]]
        assert image["Config"] == f"{hashlib.sha256(config).hexdigest()}.json"
        said = json.loads(config)
        [layer] = image["Layers"]
        assert said["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(files[layer]).hexdigest()}"]
        assert said["architecture"] == "arm64"
        assert said["config"].items() >= wanted.config.items()


def test_same_bytes_each_time(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for target in (tmp_path / "a", tmp_path / "elsewhere" / "b"):
        pack(IMAGES, "amd64", target)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "elsewhere" / "b").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "elsewhere"]
