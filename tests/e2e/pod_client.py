"""Packs an image that takes the place of Cluster Autoscaler's, which the suite cannot reach.

It has upstream's path, flags, port of the probe, identity and wire form, and decides nothing. The program
`pod_program.py` runs in it, with the interpreter of this installation, as in kbootstrap's own image. The
stand-in of `stand_in.py` decides, but runs on this machine.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.source import images, installation, machine
from kbootstrap.artifacts.source.pack import Data
from kbootstrap.core.process import LocalRunner
from tests.autoscaler.wires import FORMS, OLD, compiled

PACKAGES = ("grpcio", "protobuf", "typing-extensions")
NAME = "stand-in.test/cluster-autoscaler"


async def pack(target: Path, version: str) -> str:
    """Write the image for the minor of a version of Kubernetes; return what a spec says of it, as YAML."""
    own = installation.Installation.own()
    program = await asyncio.to_thread(Path(__file__).with_name("pod_program.py").read_bytes)
    needed = {name: one for name, one in installation.packages(own).items() if name in PACKAGES}
    files = {
        **await installation.content(own, needed, LocalRunner()),
        "cluster-autoscaler": Data(program, 0o755),
        "contract.pb": Data(compiled(*FORMS[OLD]).SerializeToString()),
    }
    minor = ".".join(version.split(".")[:2])
    tag = f"{NAME}:{minor}.99-{installation.digest(files)[:12]}"
    images.pack([images.Image(tag, files, installation.CONFIG)], machine.architecture(), target)
    return f"{{image: {tag}, file: {target.name}, sha256: {await asyncio.to_thread(cache.sha256, target)}}}"
