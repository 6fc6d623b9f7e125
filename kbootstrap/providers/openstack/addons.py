"""Manifests of components inside OpenStack clusters: cloud controller, storage driver, kube-vip. Pure.

The first two are from cloud-provider-openstack, which has the minor version of Kubernetes. They get the
cluster's name in the cloud, by which `cleanup` finds the resources that they created, and read the Secret
that `credential` creates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from string import Template

from kbootstrap.artifacts.source import recipe
from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.distros.additions import NOTHING, Additions
from kbootstrap.distros.requirements import Port
from kbootstrap.providers.openstack.names import owner
from kbootstrap.providers.openstack.settings import BlockStorage, CloudController, settings
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.topology import endpoint_address

CONTROLLER = "openstack-cloud-controller-manager"
SECRET = "cloud-config"  # noqa: S105 - a name
READERS = f"kbootstrap/reads={SECRET}"
"""The label of pods that read the Secret only when they start."""
VERSIONS = {"1.31": "v1.31.2", "1.32": "v1.32.0", "1.33": "v1.33.1", "1.34": "v1.34.1"}
"""Minor version of Kubernetes to the release of cloud-provider-openstack for it."""
_REPOSITORY = "registry.k8s.io/provider-os"
_VIP, _VIP_VERSION = "ghcr.io/kube-vip/kube-vip", "v0.8.9"
_LIVENESS = Port(9808, "TCP", "self", "storage driver: health checks")
_WITHOUT_TOPOLOGY = (1, 32)
"""From this version on, the storage driver has `--with-topology` (cmd/cinder-csi-plugin/main.go)."""


def additions(spec: Spec, cluster: Cluster) -> Additions:
    """Return the additions to the nodes for the addons of the spec."""
    chosen, version = settings(cluster), _version(cluster)
    shared = _virtual_ip(cluster)
    if not chosen.needs_credential or version is None:
        return Additions(manifests=shared) if shared else NOTHING
    name, manifests = owner(spec, cluster), dict(shared)
    values = {"version": version, "repository": _REPOSITORY, "cluster": name}
    if chosen.cloud_controller:
        more = _authorities(chosen.cloud_controller)
        manifests["openstack-cloud-controller.yaml"] = _fill("cloud-controller.yaml", values | more)
    if chosen.block_storage:
        more = _storage(chosen.block_storage, version)
        manifests["openstack-block-storage.yaml"] = _fill("block-storage.yaml", values | more)
    built = chosen.cloud_controller is not None and chosen.cloud_controller.image == "build"
    return Additions(
        cloud_controller=chosen.cloud_controller is not None,
        manifests=manifests,
        images=((CONTROLLER, version),) if built else (),
        secret=SECRET,
        readers=READERS,
        controller=f"daemonset/{CONTROLLER}" if chosen.cloud_controller else "",
        ports=(_LIVENESS,) if chosen.block_storage else (),
    )


def problems(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Yield problems that prevent an addon from working with this version of Kubernetes."""
    chosen, version = settings(cluster), _version(cluster)
    base = ("clusters", cluster.name, "provider", "openstack")
    key = "cloud_controller" if chosen.cloud_controller else "block_storage"
    if chosen.needs_credential and version is None:
        yield Diagnostic(
            "KB0361",
            "OpenStack's controller and storage driver must have the minor version of Kubernetes, and no "
            f"release is known for {cluster.kubernetes.version}.",
            f"Use Kubernetes {', '.join(VERSIONS)}, or delete the key and install them yourself.",
            spec.source.key((*base, key)),
        )
    elif (
        version is not None
        and chosen.cloud_controller is not None
        and chosen.cloud_controller.image == "build"
        and recipe.image(CONTROLLER, version) is None
    ):
        yield Diagnostic(
            "KB0361",
            f"There is no recipe to build {CONTROLLER} {version} from source.",
            "Set `image: pull`, or use another version of Kubernetes.",
            spec.source.key((*base, key)),
        )


def _virtual_ip(cluster: Cluster) -> dict[str, str]:
    """Return kube-vip. It needs no access to the cloud API: the servers' ports allow the address."""
    if cluster.api.endpoint != "virtual_ip":
        return {}
    values = {"version": _VIP_VERSION, "repository": _VIP, "address": str(endpoint_address(cluster))}
    return {"kube-vip.yaml": _fill("virtual-ip.yaml", values)}


def _version(cluster: Cluster) -> str | None:
    found = re.match(r"v?(\d+\.\d+)\.", cluster.kubernetes.version)
    return VERSIONS.get(found[1]) if found else None


def _authorities(chosen: CloudController) -> dict[str, str]:
    """Return the nodes' certificate authorities as a volume: an image built by kbootstrap contains none."""
    if chosen.image == "pull":
        return {"mount": "", "volume": ""}
    mount = ("- name: authorities", "  mountPath: /etc/ssl/certs", "  readOnly: true")
    volume = (
        "- name: authorities",
        "  hostPath:",
        "    path: /etc/ssl/certs",
        "    type: DirectoryOrCreate",
    )
    return {
        "mount": "".join(f"\n            {line}" for line in mount),
        "volume": "".join(f"\n        {line}" for line in volume),
    }


def _storage(chosen: BlockStorage, version: str) -> dict[str, str]:
    number = tuple(int(part) for part in version.lstrip("v").split(".")[:2])
    topology = "\n            - --with-topology=false" if number >= _WITHOUT_TOPOLOGY else ""
    return {"type": f"\n  type: {json.dumps(chosen.type)}" if chosen.type else "", "arguments": topology}


def _fill(name: str, values: dict[str, str]) -> str:
    text = files(__package__).joinpath("manifests", name).read_text("utf-8")
    return Template(text).substitute(values)
