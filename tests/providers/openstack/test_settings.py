from __future__ import annotations

import json
from dataclasses import replace

import pytest

from kbootstrap.core import resources
from kbootstrap.core.diagnostics import Severity
from kbootstrap.providers.openstack import PROVIDER
from kbootstrap.providers.openstack.problems import problems
from kbootstrap.providers.openstack.profiles import PROFILES
from kbootstrap.providers.openstack.settings import BastionMachine, BootVolume, settings
from tests.providers.openstack.samples import CLOUD, spec

IMAGE = "image: {id: i}"


def codes(cloud: str, name: str = "c") -> list[tuple[str, str | None]]:
    made = spec(cloud, name=name)
    found = problems(made, made.clusters[0])
    assert all(problem.span for problem in found)
    return [(problem.code, problem.reason) for problem in found]


def test_profiles_are_those_of_the_schema() -> None:
    schema = json.loads((resources.schemas() / "providers" / "openstack.json").read_text("utf-8"))
    assert schema["properties"]["profile"]["enum"] == list(PROFILES)


@pytest.mark.parametrize(
    ("cloud", "network"),
    [
        (f"profile: infomaniak, {IMAGE}", "ext-floating1"),
        (f"cloud: ovh, {IMAGE}", "Ext-Net"),
        (f"cloud: ovh, profile: infomaniak, {IMAGE}", "ext-floating1"),
        (f"cloud: ovh, external_network: mine, {IMAGE}", "mine"),
        (f"cloud: mine, {IMAGE}", None),
    ],
)
def test_a_profile_fills_in_what_is_missing(cloud: str, network: str | None) -> None:
    assert settings(spec(cloud).clusters[0]).external_network == network
    assert [code for code, _ in codes(cloud)] == ([] if network else ["KB0350"])


def test_defaults_and_values() -> None:
    plain = settings(spec().clusters[0])
    assert (plain.bastion, plain.boot_volume, plain.existing, plain.image_name) == (
        "server",
        None,
        None,
        "Debian 12",
    )
    full = settings(spec(f"{CLOUD}, bastion: {{flavor: xs}}, boot_volume: {{size_gib: 9}}").clusters[0])
    assert full.bastion == BastionMachine("xs")
    assert full.boot_volume == BootVolume(9, None)


@pytest.mark.parametrize(
    ("existing", "count"),
    [
        ("{router: r}", 0),
        ("{network: n, control_plane_subnet: a, agents_subnet: b}", 0),
        ("{network: n, control_plane_subnet: a, agents_subnet: b, router: r}", 0),
        ("{network: n}", 1),
        ("{network: n, agents_subnet: b}", 1),
        ("{control_plane_subnet: a, agents_subnet: b}", 2),
        ("{network: n, control_plane_subnet: a, agents_subnet: a}", 1),
    ],
)
def test_an_existing_network_is_whole(existing: str, count: int) -> None:
    assert [code for code, _ in codes(f"{CLOUD}, existing: {existing}")] == ["KB0351"] * count


def test_an_existing_network_has_its_own_mtu() -> None:
    whole = "existing: {network: n, control_plane_subnet: a, agents_subnet: b}"
    ((code, reason),) = codes(f"{CLOUD}, mtu: 1450, {whole}")
    assert (code, "`mtu`" in str(reason)) == ("KB0351", True)


def test_ports_have_node_ports() -> None:
    balancers = ", ingress: {load_balancers: [{name: a, ports: [80, 8443], pool: web}]}"
    made = spec(more=balancers)
    (problem,) = problems(made, made.clusters[0])
    assert (problem.code, "38443" in problem.reason) == ("KB0354", True)


def test_names_fit_into_tags() -> None:
    assert codes(CLOUD, name="c" * 41) == []
    assert [code for code, _ in codes(CLOUD, name="c" * 42)] == ["KB0352"]


@pytest.mark.parametrize(
    ("allowed", "open_"),
    [
        ("", ["api", "ssh"]),
        (", api: {allowed_cidrs: [203.0.113.0/24]}", ["ssh"]),
        (", api: {allowed_cidrs: [0.0.0.0/0]}, ssh: {allowed_cidrs: [203.0.113.0/24]}", []),
    ],
)
def test_what_is_open_to_every_address_is_reported(allowed: str, open_: list[str]) -> None:
    made = spec(more=allowed)
    found = PROVIDER.validate(made, made.clusters[0])
    assert [(p.code, p.severity) for p in found] == [("KB0355", Severity.WARNING)] * len(open_)
    assert [f"`{name}.allowed_cidrs`" in p.reason for name, p in zip(open_, found, strict=True)] == [
        True
    ] * len(open_)


@pytest.mark.parametrize(
    ("extra", "refused"),
    [
        ("", []),
        (
            ", cloud_controller: true",
            ["failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/zone"],
        ),
        (", block_storage: true", ["topology.cinder.csi.openstack.org/zone"]),
    ],
)
def test_labels_that_the_cloud_controller_and_the_driver_set(extra: str, refused: list[str]) -> None:
    keys = (
        "failure-domain.beta.kubernetes.io/region",
        "topology.cinder.csi.openstack.org/zone",
        "topology.kubernetes.io/zone",
        "topology.example.org/zone",
    )
    made = spec(CLOUD + extra)
    cluster = made.clusters[0]
    labelled = replace(cluster.control_plane, labels=dict.fromkeys(keys, "a"))
    found = problems(made, replace(cluster, control_plane=labelled, pools=()))
    assert [problem.code for problem in found] == ["KB0362"] * len(refused)
    assert all(key in problem.reason for key, problem in zip(refused, found, strict=True))
