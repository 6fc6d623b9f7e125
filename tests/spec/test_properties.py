"""Generated specs load; whatever is done to the text of a spec, the result is a spec or diagnostics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kbootstrap.core.codes import all_codes
from kbootstrap.core.diagnostics import errors
from kbootstrap.spec import lock, reading
from kbootstrap.spec.build import at_once
from kbootstrap.spec.load import Loaded, load_text
from kbootstrap.spec.support import unsupported
from kbootstrap.spec.topology import nodes
from tests.specs import SPECS

TEXTS = [path.read_text("utf-8") for path in sorted(SPECS.glob("*.yaml")) if ".lock." not in path.name]
PATH = Path("spec.yaml")

names = st.from_regex(r"[a-z][a-z0-9]{0,9}", fullmatch=True)
labels = st.dictionaries(names, names, max_size=3)
taints = st.lists(
    st.tuples(names, names, st.sampled_from(["NoSchedule", "NoExecute"])),
    max_size=2,
    unique_by=lambda taint: (taint[0], taint[2]),  # a node has one value of a key and an effect
).map(lambda all_of_them: ["{}={}:{}".format(*taint) for taint in all_of_them])
share = st.integers(1, 5000) | st.builds("{}%".format, st.integers(1, 100))
pool = st.fixed_dictionaries(
    {"nodes": st.integers(0, 20)}, optional={"labels": labels, "taints": taints, "max_unavailable": share}
)


@st.composite
def clusters(draw: st.DrawFn, second: int) -> dict[str, Any]:
    pools = [{"name": f"p{i}", **body} for i, body in enumerate(draw(st.lists(pool, max_size=4)))]
    network = {
        "cidr": f"10.{second}.0.0/16",
        "control_plane": f"10.{second}.0.0/24",
        "agents": f"10.{second}.4.0/22",
    }
    return {
        "provider": {"local": {"api_port": 20000 + second}},
        "kubernetes": {"version": "v1.32.0+k3s1", "secrets_encryption": draw(st.booleans())},
        "network": network,
        "control_plane": {"nodes": draw(st.sampled_from([1, 3, 5]))},
        "pools": pools,
    }


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.integers(1, 3))
    return {
        "apiVersion": "kbootstrap/v1alpha1",
        "name": draw(names),
        "clusters": {f"c{i}": draw(clusters(100 + i)) for i in range(count)},
    }


def sound(loaded: Loaded) -> None:
    """Check what must hold of every result."""
    assert (loaded.spec is None) == bool(errors(loaded.diagnostics))
    for problem in loaded.diagnostics:
        assert problem.code in all_codes()
        assert problem.reason
        assert problem.span is not None
        assert problem.span.line >= 1
        assert problem.span.column >= 1
    if loaded.spec is not None:
        found = lock.allocate(loaded.spec, lock.Lock())
        for cluster in loaded.spec.clusters:
            wanted = nodes(cluster, found)
            assert len({n.name for n in wanted}) == len(wanted)
            assert len({n.address for n in wanted}) == len(wanted)
            unsupported(loaded.spec, cluster)


@settings(max_examples=60)
@given(specs())
def test_generated_specs_load(data: dict[str, Any]) -> None:
    loaded = load_text(json.dumps(data, indent=2), PATH)
    assert loaded.diagnostics == ()
    sound(loaded)


def places(data: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    if isinstance(data, dict):
        found += [p for key, value in data.items() for p in places(value, (*path, key))]
    if isinstance(data, list):
        found += [p for index, value in enumerate(data) for p in places(value, (*path, index))]
    return found


scalars = (
    st.none() | st.booleans() | st.integers(-1, 10**6) | st.floats(allow_nan=False) | st.text(max_size=12)
)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=8), v, max_size=3)
)


@settings(max_examples=80)
@given(specs(), st.data())
def test_mutated_specs_give_diagnostics(data: dict[str, Any], draw: st.DataObject) -> None:
    for _ in range(draw.draw(st.integers(1, 3))):
        every = places(data)
        if not every:
            break
        *around, last = draw.draw(st.sampled_from(every))
        inner: Any = data
        for part in around:
            inner = inner[part]
        what = draw.draw(st.sampled_from(["delete", "rename", "change"]))
        if what == "change" or isinstance(inner, list):
            inner[last] = draw.draw(values)
        else:
            value = inner.pop(last)
            if what == "rename":
                inner[f"{last}{draw.draw(st.sampled_from(['s', 'x', ' ', '-1']))}"] = value
    sound(load_text(json.dumps(data, indent=1), PATH))


@settings(max_examples=150)
@given(st.sampled_from(TEXTS), st.data())
def test_mutated_text_gives_diagnostics(text: str, draw: st.DataObject) -> None:
    start = draw.draw(st.integers(0, len(text)))
    end = min(len(text), start + draw.draw(st.integers(0, 30)))
    put = draw.draw(
        st.text(max_size=4)
        | st.sampled_from(["\t", "&a", "*a", "<<: ", "- ", ": ", "{", "]", "|", "---\n", "!x "])
    )
    data = (text[:start] + put + text[end:]).encode("utf-8", "surrogatepass")
    decoded = reading.decode(data, "spec.yaml")
    if isinstance(decoded, str):
        sound(load_text(decoded, PATH))


@settings(max_examples=150)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "ignore")))
def test_random_bytes_give_diagnostics(data: bytes) -> None:
    decoded = reading.decode(data, "spec.yaml")
    if isinstance(decoded, str):
        sound(load_text(decoded, PATH))


@given(st.integers(0, 5000), st.integers(1, 100))
def test_a_share_of_a_pool_is_at_least_one_node(nodes: int, percent: int) -> None:
    found = at_once(f"{percent}%", nodes)
    assert 1 <= found <= max(1, nodes)
    assert found == 1 or found * 100 <= nodes * percent < (found + 1) * 100
    assert found <= at_once(f"{min(100, percent + 1)}%", nodes)
