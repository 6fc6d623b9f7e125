"""A cluster with the autoscaler as pods, and its manifest as objects."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML

from kbootstrap import distros
from kbootstrap.autoscaler.pods import manifest
from kbootstrap.distros.additions import AUTOSCALER_MANIFEST, Additions
from kbootstrap.providers.context import ClusterDefinition
from kbootstrap.providers.openstack import PROVIDER
from kbootstrap.spec.lock import Lock, allocate
from kbootstrap.spec.model import Spec
from kbootstrap.spec.pins import ArtifactPin, ImagePin
from tests.providers.contexts import define
from tests.spec.samples import spec_of

SUM = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
POOL = "{name: web, flavor: s, labels: {tier: web}, autoscaling: {min: 1, max: 5, flavors: [s, l]}}"
SPEC = """apiVersion: kbootstrap/v1alpha1
name: shop
prices: {currency: CHF, flavors: {s: 0.01, l: 0.02}}
state: {encryption: {passphrase: {env: STATE_PASSPHRASE}}}
defaults:
  provider: {openstack: {cloud: mine, external_network: public, image: {name: Debian 12}}}
  kubernetes: {distribution: DISTRIBUTION, version: VERSION}
  ssh: {private_key: {env: SSH_KEY}, authorized_keys: [{file: ~/.ssh/id.pub}], allowed_cidrs: [10.0.0.0/8]}
  snapshots:
    schedule: "0 3 * * *"
    passphrase: {env: WORD}
    s3: {bucket: b12, endpoint: s3.example.org, region: r, credentials: {env: S3}}
clusters:
  prod:
    network: {cidr: 10.20.0.0/16, control_plane: 10.20.0.0/24, agents: 10.20.4.0/22}
    api: {endpoint: floating_ip}
    control_plane: {nodes: SERVERS, flavor: s, taints: TAINTS}
    pools: [POOLS]
    autoscaler:
      cluster_autoscaler: {image: "registry.example.org/ca:CA@sha256:SUM"}
      server: {image: "kbootstrap/autoscaler:0f5e", file: server.tar.zst, sha256: SUM}
  other:
    network: {cidr: 10.30.0.0/16, control_plane: 10.30.0.0/24, agents: 10.30.4.0/22}
    control_plane: {nodes: 1, flavor: s}
    pools: []
"""


def spec(
    *,
    servers: int = 1,
    version: str = "v1.33.1+k3s1",
    distribution: str = "k3s",
    taints: str = "[]",
    pools: str = POOL,
    ca: str = "",
) -> Spec:
    """Return the spec, with Cluster Autoscaler of the version's minor, unless `ca` is another tag."""
    minor = version.removeprefix("v").rpartition(".")[0]
    values = {
        "DISTRIBUTION": distribution,
        "VERSION": version,
        "SERVERS": str(servers),
        "TAINTS": taints,
        "POOLS": pools,
        "CA": ca or f"v{minor}.0",
        "SUM": SUM,
    }
    text = SPEC
    for key, value in values.items():
        text = text.replace(key, value)
    return spec_of(text)


def definition(found: Spec) -> ClusterDefinition:
    lock = allocate(found, Lock()).with_image("prod", ImagePin("Debian 12", "0a1b"))
    lock = lock.with_image("other", ImagePin("Debian 12", "2c3d"))
    cluster = found.cluster("prod")
    pin = ArtifactPin({"k3s": SUM})
    lock = lock.with_artifact(cluster.kubernetes.distribution, cluster.kubernetes.version, pin)
    return define(found, cluster, lock)


def added(found: Spec) -> Additions:
    one = definition(found)
    distro = distros.of(one.cluster.kubernetes)
    return manifest.additions(one, distro, PROVIDER.elastic_access)


def text(found: Spec) -> str:
    return added(found).manifests[AUTOSCALER_MANIFEST]


def objects(found: Spec) -> dict[tuple[str, str], Any]:
    """Return the objects of the manifest by kind and name."""
    every = YAML(typ="safe", pure=True).load_all(io.StringIO(text(found)))
    return {(one["kind"], one["metadata"]["name"]): one for one in every}


def pod(found: Spec, name: str) -> Mapping[str, Any]:
    made: Mapping[str, Any] = objects(found)["Deployment", name]["spec"]["template"]["spec"]
    return made


def arguments(found: Spec) -> list[str]:
    made: list[str] = pod(found, "cluster-autoscaler")["containers"][0]["args"]
    return made
