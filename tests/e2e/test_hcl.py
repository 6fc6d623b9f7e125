"""What kbootstrap renders is formatted and valid HCL, by the real OpenTofu and the real Terraform."""

from __future__ import annotations

import json
import os
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.providers import mirrored
from kbootstrap.core.process import LocalRunner
from kbootstrap.render.hcl import Block, Raw, Value, document
from kbootstrap.render.provenance import NOWHERE
from kbootstrap.render.write import write
from kbootstrap.tofu.mirror import with_mirror
from tests.e2e.lab import SHORT, need
from tests.e2e.tofu_place import Place
from tests.render.trees import render, renderable

CACHE = cache.root(os.environ)


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
        found = [one for one in await tofu.validate() if "neutron-lbaas" not in one.reason]
        assert found == []


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
    found = (await tofu.state()).outputs["all"]
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
