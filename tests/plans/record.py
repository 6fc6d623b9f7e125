"""Records what OpenTofu plans for every row of the matrix: `python -m tests.plans.record`.

The base is applied and each edit is planned by `tofu` in the rendered roots. Only the container engine is
replaced, by a program that does nothing: so the states are real, and no container is made. Kept are the parts
of `show -json` that kbootstrap reads, and the outputs; identities that are new each time get names.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kbootstrap.artifacts.cache import root as cache_folder
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.resources import terraform_modules
from kbootstrap.render.provenance import Provenance
from kbootstrap.render.tree import assemble, read_modules
from kbootstrap.render.write import write
from kbootstrap.tofu.environment import environment
from kbootstrap.tofu.find import find
from kbootstrap.tofu.run import Tofu
from tests.plans.changes import BASE, MATRIX
from tests.plans.world import World, world

RECORDED = Path(__file__).parent / "recorded"
_KEPT = ("resource_changes", "resource_drift", "output_changes")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ENGINE = {"command": "docker", "image": "node", "run_options": [], "node_options": [], "labels": {}}


async def tofu_for(folder: Path, shown: World, cluster: str) -> Tofu:
    """Write a cluster's root and return the real OpenTofu for it, with an engine that does nothing."""
    root = shown.roots[cluster]
    tree = assemble("shop.yaml", {cluster: root}, read_modules(terraform_modules()))
    write(tree, folder, whole=False, force=True)
    engine = folder / "bin" / "docker"
    engine.parent.mkdir(exist_ok=True)
    engine.write_text("#!/bin/sh\nexit 0\n")
    engine.chmod(0o755)
    env = {**os.environ, "PATH": f"{engine.parent}:{os.environ['PATH']}"}
    env |= {
        "TF_VAR_engine": json.dumps(_ENGINE),
        "TF_VAR_ssh_authorized_keys": '["ssh-ed25519 AAAA operator"]',
    }
    runner, cache = LocalRunner(env), cache_folder(env)
    tofu = Tofu(
        root=folder / cluster,
        binary=await find(runner, env, cache),
        runner=runner,
        env=environment(env, cache),
        cluster=cluster,
        redactor=Redactor(),
        provenance=Provenance.of(root, tree.files, cluster, shown.spec.source),
    )
    await tofu.init()
    return tofu


async def apply_base(folder: Path) -> dict[str, Any]:
    """Apply the base for real; return the outputs of its clusters."""
    shown, outputs = world(BASE), {}
    for cluster in shown.roots:
        tofu = await tofu_for(folder, shown, cluster)
        await tofu.plan(folder / "plan")
        await tofu.apply(folder / "plan")
        outputs[cluster] = (await tofu.state()).outputs
    return outputs


async def plan_edit(base: Path, text: str) -> dict[str, Any]:
    """Plan an edited spec on a copy of the applied base; return what is kept of each cluster's plan."""
    shown, plans = world(text), {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "work"
        shutil.copytree(base, folder, symlinks=True)
        for cluster in shown.roots:
            tofu = await tofu_for(folder, shown, cluster)
            await tofu.plan(folder / "plan")
            plans[cluster] = kept(await tofu.show_plan(folder / "plan"))
    return plans


def kept(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of a plan what kbootstrap reads, without what stays as it is."""

    def counts(change: Mapping[str, Any]) -> bool:
        return change["change"]["actions"] != ["no-op"] or "previous_address" in change

    found = {name: shown[name] for name in _KEPT if name in shown}
    for name in ("resource_changes", "resource_drift"):
        found[name] = [change for change in found.get(name, ()) if counts(change)]
    found["output_changes"] = {
        n: {"actions": c["actions"]} for n, c in found.get("output_changes", {}).items()
    }
    return found


def named(text: str) -> str:
    """Give identities that are new each time names, in the order in which they occur."""
    names: dict[str, str] = {}
    return _ID.sub(lambda found: names.setdefault(found[0], f"id-{len(names) + 1}"), text)


async def main() -> None:
    """Record all rows, or those that are named."""
    with tempfile.TemporaryDirectory() as place:
        base = Path(place) / "base"
        base.mkdir()
        record("outputs", await apply_base(base))
        for name in sys.argv[1:] or MATRIX:
            record(name, await plan_edit(base, MATRIX[name](BASE)))


def record(name: str, data: object) -> None:
    """Write one recording."""
    RECORDED.mkdir(exist_ok=True)
    (RECORDED / f"{name}.json").write_text(named(json.dumps(data, indent=1)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
