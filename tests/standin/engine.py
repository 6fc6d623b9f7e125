"""Builds what the stand-in for RKE2 runs: k3s' server, linked under the name `rke2`, and programs of nodes.

RKE2 is linked in the same way (`-X …/pkg/version.Program=rke2`): its paths, the names of its Secrets and of
its supervisor's API follow from that. The packages are those of the recipe of k3s, so a machine that has
built it compiles little more. RKE2 sets the ports of its supervisor and its API server in its own code;
the engine has options for them, which k3s has since 1.32.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.obtain import obtain
from kbootstrap.artifacts.source import machine, programs, recipe
from kbootstrap.artifacts.source.build import PARTS, server_step
from kbootstrap.artifacts.source.golang import Go
from kbootstrap.artifacts.source.recipe import Copied, Edit
from kbootstrap.artifacts.source.workshop import Workshop
from kbootstrap.core.events import nowhere
from kbootstrap.core.process import LocalRunner
from tests.standin import vendor

ENGINES = {"v1.31.0+rke2r99": "v1.31.0+k3s1", "v1.32.1+rke2r99": "v1.32.0+k3s1"}
"""Versions of the stand-in, and the recipes of k3s that they run.

No release has such a revision. The cache is keyed by version, so it would give the stand-in for a release of
the same version, and the release for the stand-in.
"""
OLD, NEW = ENGINES
_BEFORE = '&cli.IntFlag{\n\t\tName:        "https-listen-port",'
_PORTS = """&cli.IntFlag{Name: "supervisor-port", Destination: &ServerConfig.SupervisorPort},
\t&cli.IntFlag{Name: "apiserver-port", Destination: &ServerConfig.APIServerPort},
\t&cli.StringFlag{Name: "apiserver-bind-address", Destination: &ServerConfig.APIServerBindAddress},
\t"""
_WITH_PORTS = {
    OLD: Copied(
        "github.com/k3s-io/k3s",
        "k3s",
        (Edit(file="pkg/cli/cmds/server.go", old=_BEFORE, new=_PORTS + _BEFORE, times=1),),
    )
}


async def build(version: str, env: Mapping[str, str]) -> dict[str, Path]:
    """Return the programs of a version by name, built or from the cache of builds."""
    runner, root = LocalRunner(), cache.root(env)
    wanted = recipe.distribution("k3s", ENGINES[version])
    assert wanted is not None
    arch = machine.architecture()
    go = Go(runner, root, env, nowhere)
    toolchain = await go.version(recipe.FOLDER / wanted.folder)
    server = server_step(replace(wanted, version=version), toolchain)
    engine = replace(
        server,
        name=vendor.ENGINE,
        title=f"stand-in for RKE2 {version}",
        output=vendor.ENGINE,
        ldflags=(*server.ldflags, f"-X {wanted.family.module}/pkg/version.Program=rke2"),
        copied=_WITH_PORTS.get(version),
    )
    steps = [programs.step(go, one, arch, toolchain) for one in (*map(recipe.go_step, PARTS), engine)]
    made = await Workshop(root / "build", nowhere, engine.title).run(steps)
    found = {name: made[part] / name for part, name in zip(PARTS, vendor.PROGRAMS, strict=True)}
    return {**found, vendor.ENGINE: made[vendor.ENGINE] / vendor.ENGINE}


def mirror() -> Path:
    """Return a mirror with every version of the stand-in, which is made once for a cache."""
    return asyncio.run(_mirror(dict(os.environ)))


async def _mirror(env: Mapping[str, str]) -> Path:
    arch, root = machine.architecture(), cache.root(env)
    folder = root / "standin"
    for version, engine in ENGINES.items():
        built = await build(version, env)
        kept = await obtain("k3s", engine, arch, runner=LocalRunner(), env=env)
        addons = kept.paths[f"k3s-airgap-images-{arch}.tar.zst"]
        mark = _mark([*built.values(), addons])
        stamp = folder / f"{version}.mark"
        if not stamp.exists() or stamp.read_text() != mark:
            with cache.usable(folder):
                await asyncio.to_thread(vendor.publish, folder, version, arch, built, addons)
            stamp.write_text(mark)
            shutil.rmtree(cache.place(root, "rke2", version, arch), ignore_errors=True)  # that of before
    return folder


def _mark(built: Iterable[Path]) -> str:
    """Describe what a release is made of: files of the cache by time, those of the checkout by content.

    So another checkout with the same content does not make it again.
    """
    own = sorted([vendor.HERE / "rke2.sh", *vendor.HERE.glob("*.keys"), Path(vendor.__file__)])
    return "\n".join(
        [
            *(f"{path} {path.stat().st_mtime_ns}" for path in built),
            *(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in own),
        ]
    )
