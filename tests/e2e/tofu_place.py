"""A small root of `terraform_data`, and OpenTofu or Terraform in it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from kbootstrap.core.diagnostics import Span
from kbootstrap.core.events import Event, Status, Type
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.render.hcl import Block, Raw, document
from kbootstrap.render.provenance import Provenance
from kbootstrap.spec.source_map import SourceMap
from kbootstrap.tofu.environment import environment
from kbootstrap.tofu.find import find
from kbootstrap.tofu.run import Tofu
from tests.e2e.lab import SHORT

SECRET = "hunter2-hunter2"


POOL = ("clusters", "dev", "pools", 0)


NODES = """\
variable "image" {
  type    = string
  default = "one"
}

variable "fail" {
  type    = string
  default = ""
}

variable "gate" {
  type    = string
  default = ""
}

resource "terraform_data" "first" {
  input = "first"
}

resource "terraform_data" "node" {
  for_each         = toset(["dev-web-1", "dev-web-2"])
  input            = var.fail
  triggers_replace = { name = each.key, image = var.image }

  provisioner "local-exec" {
    command = <<-EOT
      echo begin ${each.key} hunter2-hunter2
      while [ -n '${var.gate}' ] && [ ! -e '${var.gate}' ]; do sleep 0.1; done
      [ '${var.fail}' != '${each.key}' ]
    EOT
  }

  depends_on = [terraform_data.first]
}
"""


ROOT = {
    "main.tf": document(
        *(Block("variable", name, body={"default": ""}) for name in ("image", "fail", "gate")),
        Block(
            "module",
            "pool_web",
            body={
                "source": "../modules/nodes",
                "image": Raw("var.image"),
                "fail": Raw("var.fail"),
                "gate": Raw("var.gate"),
            },
        ),
        Block("output", "kbootstrap", body={"value": {"a": 1, "image": Raw("var.image")}}),
    )
}


class Seen:
    """Keeps events."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._news = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    def steps(self) -> set[tuple[str | None, str | None, Status | None]]:
        return {(e.node, e.step, e.status) for e in self.events if e.type is Type.STEP}

    async def wait_for(self, text: str) -> None:
        async with asyncio.timeout(SHORT):
            while not any(text in f"{event.step} {event.detail}" for event in self.events):
                self._news.clear()
                await self._news.wait()


class Place:
    """A root in a folder, and tofu in it."""

    def __init__(self, folder: Path, tool: str) -> None:
        self.folder = folder
        self.root = folder / "dev"
        self.planfile = folder / "dev.run" / "plan"
        self.seen = Seen()
        self.gate = folder / "gate"
        """Until this file is there, nodes that were made with it as their `gate` take their time."""
        self._tool = tool

    def write(self, files: Mapping[str, str] = ROOT, nodes: str = NODES) -> None:
        for name, text in {
            **{f"dev/{n}": t for n, t in files.items()},
            "modules/nodes/main.tf": nodes,
        }.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)

    async def tofu(self, **variables: str) -> Tofu:
        runner = LocalRunner()
        env = {
            **os.environ,
            "TF_CLI_CONFIG_FILE": "/nowhere/at/all",
            "TF_CLI_ARGS": "-bad",
            "TF_WORKSPACE": "x",
        }
        redactor = Redactor()
        redactor.add(SECRET)
        provenance = Provenance(
            {"module.pool_web": POOL, 'module.pool_web.terraform_data.node["dev-web-2"]': (*POOL, "nodes")},
            ROOT,
            SourceMap({}, {POOL: Span("dev.yaml", 5, 9, 10), (*POOL, "nodes"): Span("dev.yaml", 7, 9, 14)}),
        )
        return Tofu(
            root=self.root,
            binary=await find(runner, env, self.folder / "cache", self._tool),
            runner=runner,
            env=environment(env, self.folder / "cache", {f"TF_VAR_{k}": v for k, v in variables.items()}),
            cluster="dev",
            redactor=redactor,
            emit=self.seen,
            provenance=provenance,
        )

    async def apply(self, **variables: str) -> Tofu:
        tofu = await self.tofu(**variables)
        await tofu.init()
        await tofu.plan(self.planfile)
        await tofu.apply(self.planfile)
        return tofu
