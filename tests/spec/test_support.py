from __future__ import annotations

import re

import pytest

from kbootstrap.core.diagnostics import in_order
from kbootstrap.spec.load import load
from kbootstrap.spec.support import unsupported
from tests.spec.samples import HEAD, VERSION, local, spec_of
from tests.specs import SPECS


def lines(name: str) -> list[str]:
    spec = load(SPECS / name).checked(SPECS / name)
    found = in_order(problem for cluster in spec.clusters for problem in unsupported(spec, cluster))
    return [f"{d.span.line}:{d.span.column} {d.reason.rpartition(': ')[2]}" for d in found if d.span]


def test_what_works_is_not_reported() -> None:
    assert lines("local.yaml") == []
    assert lines("local-ha.yaml") == []
    assert lines("metal.yaml") == []


def test_each_key_once_at_its_line() -> None:
    assert lines("exponent.yaml") == ["59:17 isolation of pods."]
    assert lines("numigi.yaml") == []


def test_values_that_are_the_default_anyway() -> None:
    spec = local(more=", isolation: {pods: none}, buckets: [], api: {allowed_cidrs: []}")
    assert unsupported(spec, spec.clusters[0]) == ()


@pytest.mark.parametrize(
    "key",
    [
        "ssh: {user: me}",
        "ssh: {allowed_cidrs: [10.0.0.0/8]}",
        "api: {endpoint: load_balancer}",
        "api: {allowed_cidrs: [10.0.0.0/8]}",
        "pools: [{name: a, nodes: 1, anti_affinity: soft}]",
        "buckets: [{name: abc}]",
    ],
)
def test_keys_without_effect_say_why(key: str) -> None:
    body = f"provider: {{local: {{}}}}, {VERSION}, control_plane: {{nodes: 1}}, {key}"
    spec = spec_of(f"{HEAD}  c: {{{body}}}\n")
    (problem,) = unsupported(spec, spec.clusters[0])
    assert problem.code == "KB0403"
    assert re.search(r"127\.0\.0\.1|this machine|of kbootstrap's own", problem.reason)


@pytest.mark.parametrize(
    "key",
    [
        "ssh: {authorized_keys: [{file: a.pub}]}",
        "ssh: {allowed_cidrs: [10.0.0.0/8]}",
        "api: {allowed_cidrs: [10.0.0.0/8]}",
        "buckets: [{name: abc}]",
        "pools: [{name: a, hosts: [{name: h, address: 10.0.0.2}], anti_affinity: soft}]",
        "pools: [{name: a, hosts: [{name: h, address: h}], volumes: [{name: v, size_gib: 1, mount: /v}]}]",
    ],
)
def test_keys_of_created_machines_are_refused_for_existing_ones(key: str) -> None:
    hosts = "control_plane: {hosts: [{name: cp, address: 10.0.0.1}]}"
    spec = spec_of(f"{HEAD}  c: {{provider: {{ssh: {{}}}}, {VERSION}, {hosts}, {key}}}\n")
    (problem,) = unsupported(spec, spec.clusters[0])
    assert problem.code == "KB0403"
    assert "it makes no" in problem.reason or "already" in problem.reason


def test_what_one_provider_carries_out_another_refuses() -> None:
    network = "network: {cidr: 10.9.0.0/16, control_plane: 10.9.0.0/24, agents: 10.9.4.0/22}"
    cloud = "provider: {openstack: {external_network: x, image: {id: i}}}"
    keys = "api: {endpoint: %s}, ssh: {user: me}, control_plane: {nodes: 1, flavor: f, anti_affinity: hard}"
    for endpoint in ("load_balancer", "virtual_ip", "floating_ip", "10.9.0.5", "api.example.org"):
        spec = spec_of(f"{HEAD}  c: {{{cloud}, {VERSION}, {network}, {keys % endpoint}}}\n")
        assert unsupported(spec, spec.clusters[0]) == ()
