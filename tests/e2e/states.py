"""A root with one value in its state, for tests of where states are kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from kbootstrap.artifacts import cache
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.render.root import backend
from kbootstrap.spec.load import load_text
from kbootstrap.tofu.environment import environment
from kbootstrap.tofu.find import find
from kbootstrap.tofu.run import Tofu

CACHE = cache.root(os.environ)
ROOT = 'resource "terraform_data" "x" {{\n  input = "{0}"\n}}\n\noutput "x" {{\n  value = "{0}"\n}}\n'


class Place:
    """One cluster's root, whose `backend.tf` is rendered from a spec with this `state:`."""

    def __init__(self, folder: Path, tool: str, state: str, cluster: str = "one") -> None:
        self.folder, self.tool = folder / cluster, tool
        self.folder.mkdir(exist_ok=True)
        self.state(state)
        self.value("secret-value")

    def state(self, text: str) -> None:
        body = "{provider: {local: {}}, kubernetes: {version: v1.32.0+k3s1}, control_plane: {nodes: 1}}"
        clusters = "".join(f"  {name}: {body}\n" for name in ("one", "two"))
        whole = f"apiVersion: kbootstrap/v1alpha1\nname: dev\nstate: {text}\nclusters:\n{clusters}"
        spec = load_text(whole, Path("spec.yaml")).checked(Path("spec.yaml"))
        rendered = backend(spec, spec.cluster(self.folder.name))
        (self.folder / "backend.tf").write_text(rendered)

    def value(self, text: str) -> None:
        (self.folder / "main.tf").write_text(ROOT.format(text))

    async def tofu(self, **more: str) -> Tofu:
        runner = LocalRunner()
        made = Tofu(
            root=self.folder,
            binary=await find(runner, os.environ, CACHE, self.tool),
            runner=runner,
            env=environment({**os.environ, **more}, self.folder.parent / "cache"),
            cluster=self.folder.name,
            redactor=Redactor(),
        )
        await made.init()
        return made

    async def apply(self, **more: str) -> Mapping[str, object]:
        tofu = await self.tofu(**more)
        await tofu.plan(self.folder / "plan")
        await tofu.apply(self.folder / "plan")
        return (await tofu.state()).outputs
