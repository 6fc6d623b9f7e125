"""What the addons put on nodes: manifests that are YAML, carry the cluster's name, and hold no secret."""

from __future__ import annotations

from typing import Any

import pytest
from ruamel.yaml import YAML

from kbootstrap.artifacts.source import recipe
from kbootstrap.distros.additions import NOTHING
from kbootstrap.providers.openstack import addons
from kbootstrap.spec.model import Spec

from .cloud import openstack


def documents(text: str) -> list[dict[str, Any]]:
    return list(YAML(typ="safe", pure=True).load_all(text))


def spec_of_version(settings: str, version: str) -> Spec:
    from dataclasses import replace

    spec = openstack(settings)
    cluster = spec.clusters[0]
    changed = replace(cluster, kubernetes=replace(cluster.kubernetes, version=version))
    return replace(spec, clusters=(changed,))


def test_nothing_without_the_keys() -> None:
    spec = openstack()
    assert addons.additions(spec, spec.clusters[0]) == NOTHING


@pytest.mark.parametrize(
    ("settings", "images"),
    [
        ("cloud_controller: true", ()),
        ("cloud_controller: {image: pull}", ()),
        ("cloud_controller: {image: build}", (("openstack-cloud-controller-manager", "v1.32.0"),)),
    ],
)
def test_the_controller(settings: str, images: tuple[tuple[str, str], ...]) -> None:
    spec = openstack(settings)
    found = addons.additions(spec, spec.clusters[0])
    assert found.cloud_controller
    assert found.images == images
    assert found.secret == "cloud-config"
    [text] = found.manifests.values()
    [daemons] = [one for one in documents(text) if one["kind"] == "DaemonSet"]
    template = daemons["spec"]["template"]
    assert "--cluster-name=demo-prod" in template["spec"]["containers"][0]["args"]
    key, value = found.readers.split("=")
    assert template["metadata"]["labels"][key] == value


def test_the_built_image_is_the_one_that_the_manifest_asks_for() -> None:
    spec = openstack("cloud_controller: {image: build}")
    found = addons.additions(spec, spec.clusters[0])
    [wanted] = found.images
    [text] = found.manifests.values()
    assert f"image: {recipe.built_image(wanted).tag}\n" in text


@pytest.mark.parametrize(
    ("version", "topology"), [("v1.31.0+k3s1", False), ("v1.32.0+k3s1", True), ("v1.33.1+k3s1", True)]
)
def test_the_storage_driver(version: str, *, topology: bool) -> None:
    spec = spec_of_version('block_storage: {type: "fast: one"}', version)
    found = addons.additions(spec, spec.clusters[0])
    assert not found.cloud_controller
    [text] = found.manifests.values()
    by_kind = {one["kind"]: one for one in documents(text) if one["kind"] in {"StorageClass", "Deployment"}}
    assert by_kind["StorageClass"]["parameters"]["type"] == "fast: one"
    [driver] = [
        one
        for one in by_kind["Deployment"]["spec"]["template"]["spec"]["containers"]
        if one["name"] == "driver"
    ]
    assert "--cluster=demo-prod" in driver["args"]
    assert ("--with-topology=false" in driver["args"]) is topology


@pytest.mark.parametrize(
    ("settings", "version", "wrong"),
    [
        ("cloud_controller: true", "v1.33.1+k3s1", False),
        ("cloud_controller: {image: build}", "v1.33.1+k3s1", True),
        ("cloud_controller: {image: build}", "v1.31.0+k3s1", False),
        ("cloud_controller: true", "v1.20.0+k3s1", True),
        ("block_storage: true", "v1.20.0+k3s1", True),
        ("bastion: none", "v1.20.0+k3s1", False),
    ],
)
def test_versions_without_addons(settings: str, version: str, *, wrong: bool) -> None:
    spec = spec_of_version(settings, version)
    found = [problem.code for problem in addons.problems(spec, spec.clusters[0])]
    assert found == (["KB0361"] if wrong else [])


def test_a_virtual_ip_brings_kube_vip_and_asks_for_no_secret() -> None:
    spec = openstack(more="    api: {endpoint: virtual_ip}\n")
    found = addons.additions(spec, spec.clusters[0])
    assert not found.cloud_controller
    assert found.secret is None
    *_, pods = documents(found.manifests["kube-vip.yaml"])
    pod = pods["spec"]["template"]["spec"]
    env = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert pod["hostNetwork"]
    assert "node-role.kubernetes.io/control-plane" in pod["nodeSelector"]
    assert env["address"] == "10.20.0.10"
    # Through the address itself no leader could be elected: it answers only when there is one.
    assert (env["KUBERNETES_SERVICE_HOST"], env["KUBERNETES_SERVICE_PORT"]) == ("127.0.0.1", "6443")
    assert int(env["vip_leaseduration"]) > int(env["vip_renewdeadline"]) > int(env["vip_retryperiod"])


def test_kube_vip_beside_the_controller() -> None:
    spec = openstack("cloud_controller: true", "    api: {endpoint: virtual_ip}\n")
    found = addons.additions(spec, spec.clusters[0])
    assert set(found.manifests) == {"kube-vip.yaml", "openstack-cloud-controller.yaml"}


@pytest.mark.parametrize("settings", ["cloud_controller: true", "block_storage: true"])
def test_ports_in_the_network_of_nodes_are_declared(settings: str) -> None:
    """`conformance` expects them."""
    spec = openstack(settings)
    found = addons.additions(spec, spec.clusters[0])
    pods = [
        one["spec"]["template"]["spec"]
        for text in found.manifests.values()
        for one in documents(text)
        if one["kind"] == "DaemonSet"
    ]
    assert pods
    declared = {
        port["containerPort"]
        for pod in pods
        if pod.get("hostNetwork")
        for container in pod["containers"]
        for port in container.get("ports", ())
    }
    assert {one.number for one in found.ports} == declared
