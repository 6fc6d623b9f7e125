"""The autoscaler's pods, with an image in the place of Cluster Autoscaler's, which the suite cannot reach.

It has upstream's path, flags, port of the probe, identity and wire form, and decides nothing. The program
`pod_program.py` runs in it, with the interpreter of this installation, as in kbootstrap's own image. The
stand-in of `stand_in.py` decides, but runs on this machine.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.source import images, installation, machine
from kbootstrap.artifacts.source.pack import Data
from kbootstrap.core.process import LocalRunner
from tests.autoscaler.wires import FORMS, OLD, compiled
from tests.e2e.autoscaler import drained
from tests.e2e.lab import LONG, Lab, wait_for

SERVER, CLIENT = "kbootstrap-autoscaler", "cluster-autoscaler"
SYSTEM = ("-n", "kube-system")
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


def spec_key(lab: Lab) -> str:
    """Pack both images beside the spec; return the key `autoscaler` of its one cluster, as a line of YAML."""
    packed = lab.run("autoscaler", "image", "autoscaler.tar.zst", timeout=LONG).stdout
    own = ", ".join(packed.splitlines())
    spec = (lab.folder / "spec.yaml").read_text(encoding="utf-8")
    [version] = set(re.findall(r"version: (v\S+?),", spec))
    other = asyncio.run(pack(lab.folder / "client.tar.zst", version))
    return f"    autoscaler: {{server: {{{own}}}, cluster_autoscaler: {other}}}\n"


def call(lab: Lab, name: str, **fields: object) -> dict[str, Any]:
    """Make one call of Cluster Autoscaler, from its pod."""
    words = ("/cluster-autoscaler", "call", name, json.dumps(fields))
    said = lab.kubectl(*SYSTEM, "exec", f"deploy/{CLIENT}", "--", *words)
    found: dict[str, Any] = json.loads(said)
    return found


def remove(lab: Lab, group: str, name: str) -> None:
    """Drain a node, and delete it, as Cluster Autoscaler does with an idle one."""
    call(lab, "NodeGroupDeleteNodes", id=group, nodes=[drained(lab, name)])


def rolled_out(lab: Lab, seconds: float) -> None:
    """Wait until both Deployments have all their pods, of the newest kind, and one of each is ready.

    `kubectl rollout status` would wait for ever: of the server's two pods only the leader is ready.
    """

    def enough() -> bool:
        for name in (SERVER, CLIENT):
            found = lab.get(*SYSTEM, "deployment", name)
            status, wanted = found["status"], found["spec"]["replicas"]
            current = status.get("observedGeneration") == found["metadata"]["generation"]
            pods = (status.get("replicas"), status.get("updatedReplicas"), status.get("readyReplicas"))
            if not current or pods != (wanted, wanted, 1):
                return False
        return True

    wait_for("the autoscaler's pods", enough, seconds=seconds, every=2)
