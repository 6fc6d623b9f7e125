"""What every provider owes the rest: run over all of them, and over every spec in `specs/` that uses one."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kbootstrap.core import resources
from kbootstrap.core.codes import explain
from kbootstrap.core.diagnostics import errors
from kbootstrap.core.errors import HostUnreachable
from kbootstrap.inventory.certificate import certificate_names
from kbootstrap.providers import find, names
from kbootstrap.providers.model import OrphanPhase, Provider, Provisioning
from kbootstrap.render.address import key
from kbootstrap.spec.explain import explain_key
from kbootstrap.spec.load import load
from kbootstrap.spec.lock import allocate
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.topology import nodes
from tests.providers.contexts import define
from tests.providers.subject import Subject, subjects
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
    existing = find(cluster.provider.name).existing_machines
    return existing.outputs(define(spec, cluster, pinned(spec))) if existing else None


def by_cluster(found: list[tuple[Spec, Cluster]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("spec", "cluster"), found, ids=lambda case: str(case.name))


each_cluster = by_cluster([case for case in cases() if given(*case) is None])
each_given = by_cluster([case for case in cases() if given(*case) is not None])


@each_given
def test_existing_machines_are_reported_as_outputs_and_nothing_is_rendered(
    spec: Spec, cluster: Cluster
) -> None:
    outputs = given(spec, cluster)
    assert outputs is not None
    schema = json.loads((resources.schemas() / "output.json").read_text("utf-8"))
    jsonschema.Draft7Validator(schema).validate(outputs["kbootstrap"])
    assert {name: node["address"] for name, node in outputs["kbootstrap"]["nodes"].items()} == {
        node.name: str(node.address) for node in nodes(cluster, pinned(spec))
    }
    root = find(cluster.provider.name).render(define(spec, cluster, pinned(spec)))
    assert (root.files, root.modules, root.providers) == ({}, (), ())


@each_cluster
def test_the_root_names_every_node_and_its_address(spec: Spec, cluster: Cluster) -> None:
    lock = pinned(spec)
    text = "\n".join(find(cluster.provider.name).render(define(spec, cluster, lock)).files.values())
    for node in nodes(cluster, lock):
        assert f'"{node.name}"' in text
        assert f'"{node.address}"' in text


@each_cluster
def test_the_root_has_one_file_for_each_pool_and_the_output(spec: Spec, cluster: Cluster) -> None:
    root = find(cluster.provider.name).render(define(spec, cluster, pinned(spec)))
    assert {f"pool_{pool.name}.tf" for pool in cluster.pools} <= root.files.keys()
    assert {"versions.tf", "backend.tf", "control_plane.tf", "outputs.tf"} <= root.files.keys()
    assert 'output "kbootstrap"' in root.files["outputs.tf"]
    for name in ("control_plane", *(f"pool_{pool.name}" for pool in cluster.pools)):
        assert f'output "kbootstrap_{name}"' in root.files[f"{name}.tf"]


@each_cluster
def test_the_modules_are_packed(spec: Spec, cluster: Cluster) -> None:
    root = find(cluster.provider.name).render(define(spec, cluster, pinned(spec)))
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


METHODS = (
    "render",
    "validate",
    "pin",
    "check",
    "prepare",
    "inspect",
    "inventory",
    "destroy_preview",
    "remove_orphans",
)
CAPABILITIES: dict[str, tuple[str, ...]] = {
    "addons": ("additions", "valid_credentials", "make_secret"),
    "adoption": ("find",),
    "billing": ("extras",),
    "early_removal": ("remove",),
    "elastic_access": ("environment", "valid", "make", "remove"),
    "elastic_machines": ("list", "create", "delete", "shapes"),
    "existing_machines": ("outputs",),
    "in_place_freeze": ("freeze",),
    "location": ("describe",),
    "machines_in_creation": ("ready", "outputs"),
    "preflight": ("verify",),
    "rehearsals": ("settings",),
    "sessions": ("keep",),
    "shared_artifacts": ("provide",),
}


SUBJECTS = subjects()


@pytest.fixture(params=SUBJECTS)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    with SUBJECTS[str(request.param)](tmp_path) as made:
        yield made


def test_the_contract_is_these_methods() -> None:
    own = {name for name, value in vars(Provider).items() if inspect.isfunction(value)}
    assert own - {"__init__", "__subclasshook__"} == set(METHODS)


def test_every_capability_is_tested() -> None:
    optional = {name for name, value in vars(Provider).items() if value is None}
    assert optional == set(CAPABILITIES)


def test_methods_take_what_the_contract_says(subject: Subject) -> None:
    for name in METHODS:
        wanted = inspect.signature(getattr(Provider, name))
        own = inspect.signature(getattr(type(subject.provider), name))
        assert [*own.parameters.values()] == [*wanted.parameters.values()], name
        assert own.return_annotation == wanted.return_annotation, name


def test_capabilities_are_whole_or_missing(subject: Subject) -> None:
    for capability, methods in CAPABILITIES.items():
        found = getattr(subject.provider, capability)
        assert found is None or all(callable(getattr(found, method, None)) for method in methods), capability


def test_temporary_clusters_get_the_port_that_is_chosen(subject: Subject) -> None:
    rehearsals = subject.provider.rehearsals
    if rehearsals is None:
        return
    shared = {"engine": "podman"}
    first, second = rehearsals.settings(shared, 20001), rehearsals.settings(shared, 20002)
    assert first != second
    assert shared.items() <= first.items()
    assert all(explain(code) for code in rehearsals.taken)


def test_attributes_lead_to_keys_of_the_spec(subject: Subject) -> None:
    for attribute, spec_key in subject.provider.traits.resources.keys.items():
        place = {
            "pool": "clusters.pools",
            "provider": f"clusters.provider.{subject.provider.name}",
            "subnet": "clusters.network",
            "cluster": "clusters",
        }[spec_key.of]
        assert explain_key(".".join((place, *spec_key.key))) is not None, attribute


def test_traits_name_what_the_modules_create(subject: Subject) -> None:
    """Else a plan that loses a machine or a volume would pass as harmless."""
    roles, name = subject.provider.traits.resources.roles, subject.provider.name
    if subject.provider.existing_machines is not None:
        assert not roles
        return
    created = {
        f"{kind}.{resource}"
        for path in sorted((resources.terraform_modules() / name).glob("*/*.tf"))
        for kind, resource in re.findall(r'^resource "(\w+)" "(\w+)"', path.read_text("utf-8"), re.MULTILINE)
    }
    assert set(roles) <= created
    assert {"machine", "network"} <= set(roles.values())
    for resource in created:  # what the modules call so is so, with every provider
        word = {"volume": "volume", "bucket": "bucket", "network": "network", "subnet": "network"}
        if role := word.get(resource.partition(".")[2]):
            assert roles.get(resource) == role
    assert all((role == "machine") == one.endswith(".node") for one, role in roles.items())
    assert "web-1" in subject.provider.traits.delete_machine.format(name="web-1")


def test_clusters_on_this_machine_share_its_processors(subject: Subject) -> None:
    """At least one runs; what runs elsewhere does not depend on this machine."""
    traits = subject.provider.traits
    found = [traits.clusters_at_once(processors) for processors in (0, 1, 2, 64)]
    assert found == ([1, 1, 2, 64] if traits.on_this_machine else [8, 8, 8, 8])
    assert traits.on_this_machine is (subject.provider.name == "local")


async def test_rendering_is_pure(subject: Subject) -> None:
    """Two times the same bytes, and nothing is asked; a pin that stands for any image is enough."""
    lock = await subject.provider.pin(subject.context, creating=False)
    context = replace(subject.context, lock=allocate(subject.context.spec, lock))
    first, second = subject.provider.render(context), subject.provider.render(context)
    assert (first.files, first.provenance) == (second.files, second.provenance)
    assert subject.requests() == 0
    addons = subject.provider.addons
    if addons:
        assert addons.additions(context) == addons.additions(context)


def test_settings_are_validated_without_a_lock(subject: Subject) -> None:
    assert not errors(subject.provider.validate(subject.context.spec, subject.context.cluster))


async def test_nothing_is_asked_of_what_nothing_is_wanted_of(subject: Subject) -> None:
    assert await subject.provider.inspect(subject.context) == {}
    assert subject.requests() == 0


async def test_machines_that_are_there_are_not_gone(subject: Subject) -> None:
    found = await subject.provider.inspect(subject.context, outputs=subject.outputs, names=subject.names)
    assert not any(state.gone or state.replace or state.unprovisioned for state in found.values())
    assert subject.changes() == []


async def test_a_machine_that_is_gone_is_replaced_and_no_other(subject: Subject) -> None:
    if subject.lose is None:
        return
    lost = subject.names[-1]
    subject.lose(lost)
    found = await subject.provider.inspect(subject.context, outputs=subject.outputs, names=subject.names)
    (address,) = found[lost].replace
    assert subject.provider.traits.resources.is_machine(address)
    assert key(address) == lost
    assert found[lost].gone
    assert found[lost].provisioning is Provisioning.ABSENT
    others = [state for name, state in found.items() if name != lost]
    assert not any(state.unprovisioned or state.replace for state in others)
    assert subject.changes() == []


async def test_the_inventory_reaches_every_node(subject: Subject) -> None:
    found = await subject.provider.inventory(subject.context, subject.outputs, starting=False)
    assert found.machines.keys() == set(subject.names)
    assert all(machine.ssh.key_alias == name for name, machine in found.machines.items())
    assert found.absent == {}
    assert set(certificate_names(subject.context.cluster)) <= set(found.tls_san)
    assert subject.changes() == []


async def test_a_missing_machine_stops_the_inventory_unless_it_is_tolerated(subject: Subject) -> None:
    if subject.lose is None:
        return
    lost = subject.names[-1]
    subject.lose(lost)
    ask, context = subject.provider.inventory, subject.context
    with pytest.raises(HostUnreachable, match=lost):
        await ask(context, subject.outputs)
    for found in (
        await ask(context, subject.outputs, starting=False),
        await ask(context, subject.outputs, tolerate_missing={lost}),
    ):
        assert set(found.absent) == {lost}
        assert found.machines.keys() == {*subject.names} - {lost}


async def test_a_preview_removes_nothing(subject: Subject) -> None:
    shown = await subject.provider.destroy_preview(subject.context)
    assert shown.place
    assert set(shown.things["machines"]) == set(subject.names)
    assert subject.changes() == []


async def test_orphans_are_never_machines_of_the_cluster_before_it_is_destroyed(subject: Subject) -> None:
    for phase in (OrphanPhase.BEFORE_CREATE, OrphanPhase.AFTER_REMOVAL):
        await subject.provider.remove_orphans(subject.context, phase)
    found = await subject.provider.inventory(subject.context, subject.outputs, starting=False)
    assert found.machines.keys() == set(subject.names)


async def test_what_is_pinned_stays(subject: Subject) -> None:
    pinned = await subject.provider.pin(subject.context)
    before = subject.requests()
    assert await subject.provider.pin(replace(subject.context, lock=pinned)) == pinned
    assert subject.requests() == before
