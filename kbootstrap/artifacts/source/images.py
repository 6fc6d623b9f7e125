"""Builds container images without a container engine: static programs packed as a `docker save` tarball.

The format is that of `docker save` (image specification v1.2: `manifest.json`, and for each image one
configuration and its layers), which containerd imports. The same programs give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kbootstrap.artifacts.source.pack import Data, Entry, Folder, compressed, write_tar

_NEVER = "1970-01-01T00:00:00Z"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ACCOUNTS: Mapping[str, Entry] = {
    "etc/passwd": Data(b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
    "etc/group": Data(b"root:x:0:\nnogroup:x:65534:\n"),
    "etc": Folder(),
    "tmp": Folder(mode=0o1777),
}
"""Files that programs expect in every root file system."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image with one layer. `config` is the `config` object of the image's configuration."""

    tag: str
    files: Mapping[str, Entry]
    config: Mapping[str, Any] = field(default_factory=dict)


def pack(images: Sequence[Image], arch: str, target: Path) -> None:
    """Write images of one architecture (`amd64`, `arm64`) as a zstd-compressed docker archive."""
    entries: dict[str, Entry] = {}
    manifest = []
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".layers-") as scratch:
        for number, image in enumerate(images):
            layer = Path(scratch) / str(number)
            with layer.open("wb") as stream:
                write_tar(stream, image.files)
            digest = _sha256(layer)
            config = _configuration(image, arch, digest)
            config_name = f"{hashlib.sha256(config).hexdigest()}.json"
            layer_name = f"{digest}/layer.tar"
            entries[layer_name] = Data(layer)
            entries[config_name] = Data(config)
            manifest.append({"Config": config_name, "RepoTags": [image.tag], "Layers": [layer_name]})
        entries["manifest.json"] = Data(json.dumps(manifest).encode())
        with compressed(target) as stream:
            write_tar(stream, entries)


def _configuration(image: Image, arch: str, layer: str) -> bytes:
    return json.dumps(
        {
            "architecture": arch,
            "os": "linux",
            "created": _NEVER,
            "config": {"Env": [_PATH], **image.config},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
            "history": [{"created": _NEVER, "created_by": "kbootstrap"}],
        },
        sort_keys=True,
    ).encode()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
