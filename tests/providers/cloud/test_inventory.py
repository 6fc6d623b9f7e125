"""The inventory that clouds share: endpoints with host names, as load balancers of some clouds have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kbootstrap import distros
from kbootstrap.cluster.decide.desired import desired_state
from kbootstrap.inventory.certificate import certificate_names, served_names
from kbootstrap.inventory.model import Endpoint, Inventory
from kbootstrap.kubeconfig.admin import access
from kbootstrap.providers.cloud.inventory import bastion_name, instances, inventory
from kbootstrap.providers.context import ProviderContext
from tests.providers.contexts import of
from tests.providers.openstack.cloud import openstack
from tests.providers.openstack.conftest import provider_context
from tests.providers.subject import output_nodes

BALANCER = "api-1234.eu-west-2.lbu.example.net"
INSIDE = "internal-api-1234.eu-west-2.lbu.example.net"
ADMIN = """apiVersion: v1
kind: Config
clusters: [{name: default, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: QUFB}}]
users: [{name: default, user: {client-certificate-data: QUFB, client-key-data: QUFB}}]
contexts: [{name: default, context: {cluster: default, user: default}}]
current-context: default
"""


@pytest.fixture
def context(tmp_path: Path) -> ProviderContext:
    return provider_context(tmp_path)


def made(context: ProviderContext, internal: str, external: str, **more: object) -> Mapping[str, Any]:
    """The outputs of a cluster whose machines all exist."""
    return {
        "endpoint": {
            "internal": {"host": internal, "port": 6443},
            "external": {"host": external, "port": 6443},
        },
        "nodes": output_nodes(context),
        **more,
    }


def found(context: ProviderContext, outputs: Mapping[str, Any]) -> Inventory:
    return inventory(context, outputs, user="ops", absent={}, host_keys={})


def server_config(context: ProviderContext, machines: Inventory) -> str:
    distro = distros.find("k3s")
    plan = desired_state(context.cluster, context.nodes, machines, distro)
    server = next(node for node in plan.nodes if node.role == "server")
    return "\n".join(file.content for file in server.files)


def test_a_load_balancer_that_has_only_names(context: ProviderContext) -> None:
    """Nodes register by the inner name, so the certificate carries it; operators verify by it."""
    machines = found(context, made(context, INSIDE, BALANCER))
    assert machines.internal == Endpoint(INSIDE, 6443)
    assert machines.external == Endpoint(BALANCER, 6443, INSIDE)
    assert machines.tls_san == (*certificate_names(context.cluster), INSIDE)
    plan = desired_state(context.cluster, context.nodes, machines, distros.find("k3s"))
    assert plan.registration == f"https://{INSIDE}:6443"
    assert INSIDE in server_config(context, machines)
    cluster = access(ADMIN, "demo-prod", machines.external).cluster
    assert cluster["server"] == f"https://{BALANCER}:6443"
    assert cluster["tls-server-name"] == INSIDE


def test_one_name_on_both_sides_needs_no_other(context: ProviderContext) -> None:
    machines = found(context, made(context, BALANCER, BALANCER))
    assert machines.external == Endpoint(BALANCER, 6443)
    assert "tls-server-name" not in access(ADMIN, "demo-prod", machines.external).cluster


def test_a_name_of_the_spec_is_in_the_certificate_before_anything_exists(context: ProviderContext) -> None:
    named = of(context, openstack(more="    api: {endpoint: k8s.example.org}\n"))
    assert certificate_names(named.cluster) == ("k8s.example.org",)
    machines = found(named, made(named, "k8s.example.org", "k8s.example.org"))
    assert machines.external == Endpoint("k8s.example.org", 6443)
    assert machines.tls_san == ("k8s.example.org",)
    assert "k8s.example.org" in server_config(named, machines)


def test_an_address_of_the_spec_changes_no_certificate(context: ProviderContext) -> None:
    (address,) = certificate_names(context.cluster)
    assert served_names(context.cluster, Endpoint(address, 6443)) == (address,)
    machines = found(context, made(context, address, "203.0.113.9"))
    assert machines.external == Endpoint("203.0.113.9", 6443, address)


def test_a_bastion_of_its_own_is_one_more_machine(context: ProviderContext) -> None:
    bastion = {"address": "bastion.example.net", "user": "jump", "instance": "b"}
    outputs = made(context, INSIDE, BALANCER, bastion=bastion)
    assert instances(context.cluster, outputs)["b"] == bastion_name(context.cluster)
    machines = found(context, outputs).machines
    jumps = {machine.ssh.jump.host for machine in machines.values() if machine.ssh.jump}
    assert jumps == {"bastion.example.net"}
    assert bastion_name(context.cluster) not in machines
