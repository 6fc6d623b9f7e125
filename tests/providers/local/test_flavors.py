"""Sizes of nodes that the spec describes: rendered, given to elastic containers, and reported if missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kbootstrap.providers.elastic import MachineOrder
from kbootstrap.providers.local import PROVIDER
from kbootstrap.providers.local.flavors import LocalFlavor
from kbootstrap.providers.local.render import render
from kbootstrap.spec.lock import Lock, allocate
from tests.providers.local import fake
from tests.providers.local.elastic import Docker, made

MODULE = Path(__file__).parents[3] / "terraform-modules/local/nodes"
SIZES = "{local: {flavors: {small: {cpus: 1, memory_gib: 2}, large: {cpus: 2, memory_gib: 4}}}}"
POOL = "[{name: web, autoscaling: {min: 1, max: 3, flavors: [small, large]}}]"


@pytest.mark.parametrize(
    ("provider", "pools", "found"),
    [
        (SIZES, POOL, []),
        (SIZES, "[{name: web, nodes: 1, flavor: small}]", []),
        (SIZES, POOL.replace("large", "huge"), [("flavor huge", "It has small, large.", "huge")]),
        (
            "{local: {}}",
            "[{name: web, nodes: 1, flavor: tiny}]",
            [("flavor tiny", "It has none.", "tiny")],
        ),
    ],
)
def test_flavors_are_described(
    provider: str, pools: str, found: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    spec = fake.spec(tmp_path, "", provider, pools)
    problems = PROVIDER.validate(spec, spec.clusters[0])
    text = (tmp_path / "spec.yaml").read_text().splitlines()
    assert [one.code for one in problems] == ["KB0613"] * len(found)
    for problem, (flavor, known, place) in zip(problems, found, strict=True):
        assert flavor in problem.reason
        assert known in problem.reason
        assert problem.span is not None
        assert text[problem.span.line - 1][problem.span.column - 1 :].startswith(place)


def test_only_pools_with_a_flavor_have_a_size(tmp_path: Path) -> None:
    """And the module gives the engine the options that elastic containers get."""
    spec = fake.spec(tmp_path, "", SIZES, POOL)
    files = render(spec, spec.clusters[0], allocate(spec, Lock())).files
    size = re.search(r"flavor = \{(.*?)\}", files["pool_web.tf"], re.DOTALL)
    assert size
    assert size[1].split() == ["name", "=", '"small"', "cpus", "=", "1", "memory_gib", "=", "2"]
    assert "flavor" not in files["control_plane.tf"]
    limits = re.findall(r'"(--\S+?)"', (MODULE / "nodes.tf").read_text().partition("resource")[0])
    given = [
        one.replace("${var.flavor.cpus}", "1").replace("${var.flavor.memory_gib}", "2") for one in limits
    ]
    assert tuple(given) == LocalFlavor(1, 2).limits


async def test_elastic_containers_get_their_size(tmp_path: Path) -> None:
    runner, elastic = made(tmp_path, Docker(), SIZES, POOL)
    for name, flavor, address in (
        ("c-web-hjkmn", "small", "10.9.4.40"),
        ("c-web-pqrst", "large", "10.9.4.41"),
    ):
        order = MachineOrder(name, "web", flavor, address)
        assert (await elastic.machines.create(elastic.context, order)).flavor == flavor
    small, large = runner.said("docker create")
    assert "--cpus=1 --memory=2g" in small
    assert "--cpus=2 --memory=4g" in large


async def test_shapes_are_those_of_the_spec(tmp_path: Path) -> None:
    _, elastic = made(tmp_path, Docker(), SIZES, POOL)
    shapes = await elastic.machines.shapes(elastic.context, ["small", "large", "other"])
    assert {name: (one.cpus, one.memory_mib) for name, one in shapes.items()} == {
        "small": (1, 2048),
        "large": (2, 4096),
    }
    assert (await elastic.machines.shapes(elastic.context, [""])).keys() == {""}
