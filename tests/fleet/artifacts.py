"""Artifacts in a simulated fleet: small files, image stores, and what the nodes of one machine share."""

from __future__ import annotations

import hashlib
import re

import zstandard

from kbootstrap import distros
from kbootstrap.hosts.model import Output
from tests.fleet.machines import Machine


def store(machine: Machine) -> str:
    """Return the place of the images in the store of a service: a hash for each archive that was imported."""
    return f"{machine.layout.data}/agent/containerd/images"


def made(name: str, version: str, arch: str = "amd64") -> dict[str, bytes]:
    """Return the files of a version of a distribution by name: small ones, of a length of their own."""
    text = f"{name} {version}\n".encode()
    minor = int(version.split(".")[1])
    program, *images = distros.find(name).artifacts(version, arch)
    packed = {
        one.name: zstandard.compress(hashlib.sha256(text + one.name.encode()).hexdigest()[:minor].encode())
        for one in images
    }
    return {program.name: text * (1 + minor), **packed}


def checksum(version: str, name: str) -> str:
    return f"{version}-{name}".encode().hex()[:64]


def load(machine: Machine, images: bytes) -> None:
    """Import an archive without its compression into the store."""
    line = f"{hashlib.sha256(images).hexdigest()}\n"
    if line not in machine.text(store(machine)):
        machine.put(store(machine), machine.text(store(machine)) + line)


def load_at_start(machine: Machine) -> None:
    """Import the archives that are in their place, as the service does."""
    folder = f"{machine.paths.images}/"
    for path in [path for path in machine.files if path.startswith(folder) and path.endswith(".zst")]:
        load(machine, zstandard.decompress(machine.files[path]))


def lacks_images(machine: Machine, version: str) -> bool:
    """Return whether the store lacks images of a version."""
    archives = [content for name, content in made(machine.kind, version).items() if name.endswith(".zst")]
    hashes = [hashlib.sha256(zstandard.decompress(archive)).hexdigest() for archive in archives]
    return not all(one in machine.text(store(machine)) for one in hashes)


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
    if path == machine.paths.binary or machine.has(store(machine)):
        machine.put(path, content)
    else:
        load(machine, zstandard.decompress(content))
        machine.remove(path)
