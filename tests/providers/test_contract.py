"""What every provider owes the rest: run over all of them, and over every spec in `specs/` that uses one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest

from kbootstrap import resources
from kbootstrap.providers import find, names
from kbootstrap.spec.load import load
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.topology import nodes
from tests.render.trees import pinned
from tests.specs import SPECS


def cases() -> list[tuple[Spec, Cluster]]:
    found = []
    for path in sorted(SPECS.glob("*.yaml")):
        if path.name.endswith(".lock.yaml"):
            continue
        spec = load(path).checked(path)
        found += [(spec, cluster) for cluster in spec.clusters if cluster.provider.name in names()]
    return found


def given(spec: Spec, cluster: Cluster) -> Mapping[str, Any] | None:
    return find(cluster.provider.name).given(spec, cluster, nodes(cluster, pinned(spec)))


def by_cluster(found: list[tuple[Spec, Cluster]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("spec", "cluster"), found, ids=lambda case: str(case.name))


each_cluster = by_cluster([case for case in cases() if given(*case) is None])
each_given = by_cluster([case for case in cases() if given(*case) is not None])


@each_given
def test_machines_that_exist_are_told_as_outputs_and_nothing_is_rendered(
    spec: Spec, cluster: Cluster
) -> None:
    outputs = given(spec, cluster)
    assert outputs is not None
    schema = json.loads((resources.schemas() / "output.json").read_text("utf-8"))
    jsonschema.Draft7Validator(schema).validate(outputs["kbootstrap"])
    assert {name: node["address"] for name, node in outputs["kbootstrap"]["nodes"].items()} == {
        node.name: str(node.address) for node in nodes(cluster, pinned(spec))
    }
    root = find(cluster.provider.name).render(spec, cluster, pinned(spec))
    assert (root.files, root.modules, root.providers) == ({}, (), ())


@each_cluster
def test_the_root_names_every_node_and_its_address(spec: Spec, cluster: Cluster) -> None:
    lock = pinned(spec)
    text = "\n".join(find(cluster.provider.name).render(spec, cluster, lock).files.values())
    for node in nodes(cluster, lock):
        assert f'"{node.name}"' in text
        assert f'"{node.address}"' in text


@each_cluster
def test_the_root_has_one_file_for_each_pool_and_the_output(spec: Spec, cluster: Cluster) -> None:
    root = find(cluster.provider.name).render(spec, cluster, pinned(spec))
    assert {f"pool_{pool.name}.tf" for pool in cluster.pools} <= root.files.keys()
    assert {"versions.tf", "backend.tf", "control_plane.tf", "outputs.tf"} <= root.files.keys()
    assert 'output "kbootstrap"' in root.files["outputs.tf"]
    for name in ("control_plane", *(f"pool_{pool.name}" for pool in cluster.pools)):
        assert f'output "kbootstrap_{name}"' in root.files[f"{name}.tf"]


@each_cluster
def test_the_modules_are_packed(spec: Spec, cluster: Cluster) -> None:
    root = find(cluster.provider.name).render(spec, cluster, pinned(spec))
    for module in root.modules:
        assert list((resources.terraform_modules() / module).glob("*.tf")), module


@pytest.mark.parametrize("name", names())
def test_the_provider_has_a_schema(name: str) -> None:
    schema = json.loads((resources.schemas() / "providers" / f"{name}.json").read_text("utf-8"))
    assert schema["x-kbootstrap"]


def test_the_output_contract_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(
        json.loads((resources.schemas() / "output.json").read_text("utf-8"))
    )
