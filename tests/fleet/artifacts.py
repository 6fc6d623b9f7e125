"""Artifacts in a simulated fleet: small files, image stores, and what the nodes of one machine share."""

from __future__ import annotations

import hashlib
import re

import zstandard

from kbootstrap.hosts.model import Output
from tests.fleet.machines import DATA, K3S, PATHS, Machine

STORE = f"{DATA}/agent/containerd/images"
"""The images in the store of a service: a hash for each archive that was imported."""
ARCHIVE = K3S.artifacts("", "amd64")[1].path


def made(version: str, arch: str = "amd64") -> dict[str, bytes]:
    """Return the files of a version by name: small ones, of a length of their own."""
    text = f"k3s {version}\n".encode()
    minor = int(version.split(".")[1])
    images = zstandard.compress(hashlib.sha256(text).hexdigest()[:minor].encode())
    return {"k3s": text * (1 + minor), f"k3s-airgap-images-{arch}.tar.zst": images}


def checksum(version: str, name: str) -> str:
    return f"{version}-{name}".encode().hex()[:64]


def load(machine: Machine, images: bytes) -> None:
    """Import an archive without its compression into the store."""
    line = f"{hashlib.sha256(images).hexdigest()}\n"
    if line not in machine.text(STORE):
        machine.put(STORE, machine.text(STORE) + line)


def load_at_start(machine: Machine) -> None:
    """Import the archive that is in its place, as the service does."""
    if ARCHIVE in machine.files:
        load(machine, zstandard.decompress(machine.files[ARCHIVE]))


def lacks_images(machine: Machine, version: str) -> bool:
    """Return whether the store has no images of a version."""
    archive = next(content for name, content in made(version).items() if name.endswith(".zst"))
    return hashlib.sha256(zstandard.decompress(archive)).hexdigest() not in machine.text(STORE)


def share(machine: Machine, shared: dict[str, bytes], command: str) -> Output:
    """As shared.sh."""
    words = dict(re.findall(r"^(name|sha256|path|aside)=(\S+)$", command, re.MULTILINE))
    content = shared.get(words["sha256"])
    if content is None:
        return Output(0, "", "")
    return Output(
        0, _share(machine, words["path"], words["aside"], content, command.rsplit(maxsplit=1)[-1]), ""
    )


def _share(machine: Machine, path: str, aside: str, content: bytes, act: str) -> str:
    waits = machine.text(aside)
    match act:
        case "place":
            _use(machine, path, content)
            return "placed\n"
        case "set_aside":
            machine.put(aside, "link")
            return "aside\n"
        case "load" if waits in {"link", "images"}:
            machine.put(aside, "link")
            if machine.alive:
                load(machine, zstandard.decompress(content))
                machine.put(aside, "images")
            return "shared\n"
        case "swap" if waits == "link":
            _use(machine, path, content)
            return "placed\n"
        case "swap" if waits == "images":
            machine.remove(path)
            return "imported\n"
    return ""


def _use(machine: Machine, path: str, content: bytes) -> None:
    if path == PATHS.binary or machine.has(STORE):
        machine.put(path, content)
    else:
        load(machine, zstandard.decompress(content))
        machine.remove(path)
