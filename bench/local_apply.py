"""Times `apply` on the local provider beside a bare script on machines made the same way, in one run.

    python -m bench.local_apply [--shapes 1+1,3+3] [--tofu PROGRAM]

Prints one JSON document. Seconds are of whole commands; ratios compare with the floor of the same run,
because seconds alone say more about the machine than about the program.

| what  | finds                                                                       |
|-------|-----------------------------------------------------------------------------|
| cold  | the files of k3s and the kept node image in the cache, nothing in the engine|
| warm  | also the node image in the engine                                           |
| noop  | the whole cluster                                                           |
| floor | as warm; OpenTofu makes the machines, `floor.sh` installs k3s on them       |
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.results import keep
from kbootstrap.artifacts.cache import root as cache_folder
from kbootstrap.artifacts.obtain import obtain
from kbootstrap.core.events import nowhere
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.context import Context, contexts
from kbootstrap.engine.prepare import prepare
from kbootstrap.engine.spec import read_spec
from kbootstrap.providers.local.image import image_name
from kbootstrap.tofu.run import Tofu

FLOOR = Path(__file__).with_name("floor.sh")
VERSION = "v1.32.0+k3s1"


def spec_text(servers: int, agents: int) -> str:
    """Return a spec of that shape."""
    return (
        "apiVersion: kbootstrap/v1alpha1\nname: bench\nclusters:\n"
        f"  bench{servers}{agents}:\n    provider: {{local: {{}}}}\n"
        f"    kubernetes: {{distribution: k3s, version: {VERSION}}}\n"
        f"    control_plane: {{nodes: {servers}}}\n    pools: [{{name: pool, nodes: {agents}}}]\n"
    )


def timed(*command: str, cwd: Path) -> float:
    """Run a command of kbootstrap and return its seconds."""
    env = dict(os.environ) | {"KUBECONFIG": str(cwd / "kubeconfig"), "NO_COLOR": "1"}
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "kbootstrap", *command],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return time.monotonic() - begun


def _output(command: list[str], folder: Path, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


async def floor(context: Context, folder: Path) -> dict[str, float]:
    """Make the machines with OpenTofu alone, then run the bare script on them; seconds of each stage."""
    tofu = await prepare(context)
    if not isinstance(tofu, Tofu):
        raise TypeError(type(tofu).__name__)
    begun = time.monotonic()
    command = [str(tofu.binary.path), "apply", "-auto-approve", "-input=false", "-no-color"]
    await asyncio.to_thread(_output, command, tofu.root, tofu.env)
    machines = time.monotonic() - begun
    inventory = await context.provider.inventory(context.provider_context, (await tofu.state()).outputs)
    kept = await obtain("k3s", VERSION, "amd64", runner=context.runtime.runner)
    nodes = [
        f"{node.name},{node.role},{inventory.machines[node.name].ssh.port},{node.address}"
        for node in context.nodes
    ]
    registration = f"{inventory.internal.host}:{inventory.internal.port}"
    key = str(context.space.private_key)
    paths = [str(path) for path in kept.paths.values()]
    paths.sort(key=lambda path: "images" in path)
    said = await asyncio.to_thread(_output, [str(FLOOR), key, *paths, registration, *nodes], folder)
    stages = {name: float(seconds) for name, seconds in (line.split() for line in said.splitlines())}
    return {"machines": machines, **stages, "total": machines + stages["ready"]}


def _forget_image() -> None:
    """Take the node image out of the engine; it stays in the cache."""
    for engine in ("docker", "podman"):
        if shutil.which(engine):
            subprocess.run([engine, "rmi", image_name()], capture_output=True, check=False)


def measure(servers: int, agents: int, tofu: str | None) -> dict[str, Any]:
    """Measure one shape: cold, warm, no-op, floor."""
    with tempfile.TemporaryDirectory(prefix="kb-bench-") as name:
        folder = Path(name)
        spec = folder / "bench.yaml"
        spec.write_text(spec_text(servers, agents), encoding="utf-8")
        chosen = ["--tofu", tofu] if tofu else []
        try:
            _forget_image()
            cold = timed("apply", "-y", *chosen, str(spec), cwd=folder)
            timed("destroy", "-y", *chosen, str(spec), cwd=folder)
            warm = timed("apply", "-y", *chosen, str(spec), cwd=folder)
            noop = timed("apply", "-y", "--detailed-exitcode", *chosen, str(spec), cwd=folder)
            gone = timed("destroy", "-y", *chosen, str(spec), cwd=folder)
            env = dict(os.environ)
            runtime = Runtime(LocalRunner(env), env, cache_folder(env), Redactor(), nowhere, tofu)
            loaded = read_spec(spec)
            context = contexts(loaded, loaded.clusters, runtime)[0]
            bare = asyncio.run(floor(context, folder))
        finally:
            timed("destroy", "-y", *chosen, str(spec), cwd=folder)
    return {
        "shape": f"{servers}+{agents}",
        "seconds": {"cold": cold, "warm": warm, "noop": noop, "destroy": gone, "floor": bare},
        "ratio": {"warm_to_floor": round(warm / bare["total"], 2)},
    }


def main() -> None:
    """Measure all shapes, keep and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", default="1+1,3+3")
    parser.add_argument("--tofu")
    options = parser.parse_args()
    found = []
    for shape in options.shapes.split(","):
        servers, agents = map(int, shape.split("+"))
        found.append(measure(servers, agents, options.tofu))
    keep("local_apply", {"applies": found}, {one["shape"]: one["ratio"]["warm_to_floor"] for one in found})


if __name__ == "__main__":
    main()
