"""The tofu room against real OpenTofu and real Terraform, with small roots of `terraform_data`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.providers import mirrored
from kbootstrap.core.diagnostics import Severity, Span
from kbootstrap.core.errors import Interrupted, Locked, TofuFailed
from kbootstrap.core.events import Event, Status, Type
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import MASK, Redactor
from kbootstrap.render.hcl import Block, Raw, Value, document
from kbootstrap.render.provenance import NOWHERE, Provenance
from kbootstrap.render.write import write
from kbootstrap.spec.source_map import SourceMap
from kbootstrap.tofu.environment import environment
from kbootstrap.tofu.find import find
from kbootstrap.tofu.mirror import with_mirror
from kbootstrap.tofu.run import Tofu
from kbootstrap.tofu.settle import STEP
from tests.e2e.lab import CHECKOUT, SHORT, need
from tests.render.trees import render, renderable

SECRET = "hunter2-hunter2"
CACHE = cache.root(os.environ)
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


@pytest.fixture
def place(tmp_path: Path, tool: str) -> Place:
    made = Place(tmp_path, tool)
    made.write()
    return made


async def test_the_whole_way(place: Place) -> None:
    tofu = await place.tofu()
    assert await tofu.init() is True
    assert await tofu.init() is False
    assert await tofu.validate() == ()
    assert await tofu.state_list() == ()
    assert await tofu.outputs() == {}

    summary = await tofu.plan(place.planfile)
    assert summary.counts == {"create": 3}
    assert {c.node for c in summary.changes} == {None, "dev-web-1", "dev-web-2"}
    assert {c.spec for c in summary.changes} == {POOL, (*POOL, "nodes")}
    assert summary.outputs == ("kbootstrap",)
    assert place.planfile.stat().st_mode & 0o777 == 0o600

    await tofu.apply(place.planfile)
    step = 'create module.pool_web.terraform_data.node["dev-web-1"]'
    assert ("dev-web-1", step, Status.STARTED) in place.seen.steps()
    assert ("dev-web-1", step, Status.DONE) in place.seen.steps()
    assert await tofu.outputs() == {"kbootstrap": {"a": 1, "image": "", "nodes": {}}}
    assert len(await tofu.state_list()) == 3

    assert await tofu.init() is False
    assert (await tofu.plan(place.planfile)).empty

    await tofu.destroy()
    assert await tofu.state_list() == ()
    said = "".join(f"{event.step} {event.detail}" for event in place.seen.events)
    assert SECRET not in said
    assert MASK in said
    assert "CLI configuration" not in said


async def test_resources_removed_from_the_state_stay(place: Place) -> None:
    tofu = await place.apply()
    await tofu.state_remove(["module.pool_web.terraform_data.first"])
    assert len(await tofu.state_list()) == 2


async def test_a_replacement_is_explained(place: Place) -> None:
    await place.apply()
    tofu = await place.tofu(image="two")
    summary = await tofu.plan(place.planfile)
    assert summary.counts == {"replace": 2}
    assert {c.because for c in summary.changes} == {("triggers_replace.image",)}
    tofu = await place.tofu()
    address = 'module.pool_web.terraform_data.node["dev-web-2"]'
    (change,) = (await tofu.plan(place.planfile, replace=[address])).changes
    assert (change.address, change.kind, change.reason) == (address, "replace", "replace_by_request")
    (change,) = (await (await place.tofu(image="two")).plan(place.planfile, targets=[address])).changes
    assert change.address == address
    assert (await tofu.plan(place.planfile, destroy=True, refresh=False)).counts == {"delete": 3}


async def test_a_failing_command_is_shown_at_its_line_of_the_spec(place: Place) -> None:
    with pytest.raises(TofuFailed) as caught:
        await place.apply(fail="dev-web-2")
    (diagnostic,) = caught.value.diagnostics
    assert caught.value.code == diagnostic.code == "KB0508"
    assert str(diagnostic.span) == "dev.yaml:7:9"
    assert "exit status 1" in diagnostic.reason
    assert f"begin dev-web-2 {MASK}" in diagnostic.reason
    assert "sleep" not in diagnostic.reason
    assert any(node == "dev-web-2" and status is Status.FAILED for node, _, status in place.seen.steps())
    await place.apply()
    assert len(await (await place.tofu()).state_list()) == 3


async def test_an_error_in_the_root_leads_to_the_spec(place: Place) -> None:
    tofu = await place.tofu()
    await tofu.init()
    place.write({"main.tf": ROOT["main.tf"].replace("image  = var.image", "image  = var.imag")})
    (diagnostic,) = await tofu.validate()
    assert diagnostic.severity is Severity.ERROR
    assert str(diagnostic.span) == "dev.yaml:5:9"
    place.write({"main.tf": 'terraform {\n  backend "no_such" {}\n}\n'})
    with pytest.raises(TofuFailed) as caught:
        await tofu.init()
    assert caught.value.diagnostics[0].summary == "Unsupported backend type"
    assert "main.tf:2" in caught.value.diagnostics[0].reason


async def test_what_init_left_may_be_deleted(place: Place) -> None:
    tofu = await place.tofu()
    await tofu.init()
    (place.root / ".terraform" / "modules" / "modules.json").unlink()
    assert (await tofu.plan(place.planfile)).counts == {"create": 3}


async def test_cancelling_keeps_the_state(place: Place) -> None:
    task = asyncio.create_task(place.apply(gate=str(place.gate)))
    await place.seen.wait_for("begin dev-web-1")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    place.gate.touch()
    tofu = await place.tofu()
    assert "module.pool_web.terraform_data.first" in await tofu.state_list()
    await place.apply()
    assert (await tofu.plan(place.planfile)).empty


async def test_somebody_else_stops_it(place: Place) -> None:
    task = asyncio.create_task(place.apply(gate=str(place.gate)))
    await place.seen.wait_for("begin dev-web-1")
    os.kill(process_in(place.root), signal.SIGINT)
    with pytest.raises(Interrupted):
        await task
    place.gate.touch()
    assert "module.pool_web.terraform_data.first" in await (await place.tofu()).state_list()


async def test_a_killed_run_blocks_nobody(place: Place) -> None:
    task = asyncio.create_task(place.apply(gate=str(place.gate)))
    await place.seen.wait_for("begin dev-web-1")
    os.kill(process_in(place.root), signal.SIGKILL)
    place.gate.touch()
    with pytest.raises(TofuFailed, match="status -9"):
        await task
    tofu = await place.apply()
    assert "module.pool_web.terraform_data.first" in await tofu.state_list()
    assert (await tofu.plan(place.planfile)).empty


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.e2e.test_tofu import Place

place = Place(Path(sys.argv[1]), sys.argv[2])
asyncio.run(place.apply(gate=str(place.gate)))
"""


async def test_tofu_finishes_when_kbootstrap_is_killed(place: Place, tool: str) -> None:
    command = [sys.executable, "-c", KILLED, str(place.folder), tool]
    killed = await asyncio.create_subprocess_exec(*command, cwd=CHECKOUT)
    log = place.root / ".terraform" / "kbootstrap-apply.log"
    async with asyncio.timeout(SHORT):
        while not log.exists() or "begin dev-web-1" not in log.read_text():  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.05)
    killed.kill()
    await killed.wait()
    tofu = await place.tofu()
    outputs = asyncio.create_task(tofu.outputs())
    await place.seen.wait_for(STEP)
    place.gate.touch()
    assert (await outputs)["kbootstrap"] == {"a": 1, "image": "", "nodes": {}}
    assert (await tofu.plan(place.planfile)).empty
    assert [e.status for e in place.seen.events if e.step == STEP] == [Status.WAITING, Status.DONE]


async def test_two_runs_at_once(place: Place) -> None:
    task = asyncio.create_task(place.apply(gate=str(place.gate)))
    await place.seen.wait_for("begin dev-web-1")
    with pytest.raises(Locked) as caught:
        await replace(await place.tofu(), lock_wait=1).plan(place.folder / "other")
    assert "Who:" in caught.value.diagnostics[0].reason
    assert not (place.folder / "other").exists()
    place.gate.touch()
    await task


async def test_a_stale_plan_is_not_applied(place: Place) -> None:
    tofu = await place.tofu()
    await tofu.init()
    await tofu.plan(place.folder / "old")
    await place.apply()
    with pytest.raises(TofuFailed) as caught:
        await tofu.apply(place.folder / "old")
    assert caught.value.code == "KB0514"


async def test_a_damaged_state(place: Place) -> None:
    await place.apply()
    (place.root / "terraform.tfstate").write_text("{")
    with pytest.raises(TofuFailed) as caught:
        await (await place.tofu()).plan(place.planfile)
    assert caught.value.code == "KB0507"


@pytest.mark.parametrize("path", renderable(), ids=lambda path: path.stem)
async def test_what_specs_render_to_is_fmt_clean_and_valid(place: Place, tmp_path: Path, path: Path) -> None:
    rendered = render(path)
    write(rendered.tree, tmp_path / "out")
    base = await place.tofu()
    command = [str(base.binary.path), "fmt", "-check", "-diff", "-recursive", str(tmp_path / "out")]
    formatted = await LocalRunner().run(command, deadline=SHORT, env=base.env, check=False)
    assert (formatted.status, formatted.stdout) == (0, "")
    for cluster, root in rendered.roots.items():
        if root.providers:
            need(mirrored(CACHE, root.providers), "kbootstrap artifacts pull provider-openstack")
        env = with_mirror(base.env, CACHE, root.providers)
        # Whether a backend can be reached is no matter of this test.
        (tmp_path / "out" / cluster / "backend.tf").write_text('terraform {\n  backend "local" {}\n}\n')
        tofu = replace(base, root=tmp_path / "out" / cluster, cluster=cluster, env=env)
        await tofu.init()
        # Provider 1.54 warns of load balancers and of an argument that 3.x has no longer; we use none of it.
        told = [one for one in await tofu.validate() if "neutron-lbaas" not in one.reason]
        assert told == []


def process_in(root: Path) -> int:
    """Return the process that applies in `root`."""
    for entry in Path("/proc").iterdir():
        try:
            argv = (entry / "cmdline").read_bytes().split(b"\0")
            if argv[1:2] == [b"apply"] and (entry / "cwd").resolve() == root:
                return int(entry.name)
        except (OSError, ValueError):
            continue
    raise AssertionError(f"nothing applies in {root}")


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)


_TEXT = st.one_of(
    st.text(alphabet='${}%"\\ab\n~', max_size=8),
    st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=8),
).map(_normal)
_LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(-1e6, 1e6, allow_nan=False), _TEXT
)
_VALUES = st.recursive(
    _LEAF, lambda c: st.one_of(st.lists(c, max_size=5), st.dictionaries(_TEXT, c, max_size=5)), max_leaves=12
)


async def test_any_value_is_fmt_clean_and_evaluates_to_itself(place: Place) -> None:
    values: list[Any] = []

    @settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(_VALUES)
    def collect(value: Value) -> None:
        values.append(value)

    collect()
    body: dict[str, Value] = {f"v{number}": value for number, value in enumerate(values)}
    text = document(
        Block("locals", body=body),
        Block("output", "all", body={"value": Raw("[" + ", ".join(f"local.{name}" for name in body) + "]")}),
    )
    place.write({"main.tf": text})
    tofu = replace(await place.apply(), provenance=NOWHERE)
    found = (await tofu.outputs())["all"]
    for value, back in zip(values, found, strict=True):
        assert json.dumps(back, sort_keys=True) == json.dumps(_as_json(value), sort_keys=True)
    command = [str(tofu.binary.path), "fmt", "-check", "-diff", str(place.root)]
    formatted = await LocalRunner().run(command, deadline=SHORT, env=tofu.env, check=False)
    assert (formatted.status, formatted.stdout) == (0, "")


def _as_json(value: Any) -> Any:  # noqa: ANN401 (JSON)
    """HCL has one kind of number: 1.0 and 1 are the same, so are 0 and -0."""
    if isinstance(value, dict):
        return {k: _as_json(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_as_json(v) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
