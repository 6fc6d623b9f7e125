"""The objects of kbootstrap's server: pods of which one leads, and a Service that leads to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from kbootstrap.autoscaler.certificates import SERVER
from kbootstrap.autoscaler.kube import LEASE
from kbootstrap.autoscaler.pods import parts
from kbootstrap.autoscaler.pods.parts import Object, rule
from kbootstrap.autoscaler.pods.settings import (
    CALLS,
    CONFIG,
    HOST,
    HTTP,
    SECRET,
    SERVER_CONFIG,
    SERVER_FILE,
    WORKSPACE,
)
from kbootstrap.distros.model import Distribution
from kbootstrap.spec.images import AutoscalerPods
from kbootstrap.spec.model import Cluster

_SPARING = 3
"""With this many servers or more a second pod waits, to take over."""
_ARCHITECTURE = "amd64"
"""The names of artifacts differ by architecture, their folders do not."""


def objects(
    cluster: Cluster,
    chosen: AutoscalerPods,
    distro: Distribution,
    files: Mapping[str, str],
    environment: Mapping[str, str],
) -> Iterator[Object]:
    """Yield the objects; `files` is the data of the ConfigMap, `environment` that of the provider."""
    replicas = 2 if cluster.control_plane.nodes >= _SPARING else 1
    yield parts.account(SERVER)
    yield parts.role("ClusterRole", SERVER, [rule("", ["nodes"], ["get", "list", "patch", "delete"])])
    yield parts.bound("ClusterRole", SERVER)
    yield parts.role("Role", SERVER, list(_rules()))
    yield parts.bound("Role", SERVER)
    yield parts.config_map(SERVER, files)
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": parts.meta(SERVER),
        "spec": {
            "selector": parts.selector(SERVER)["matchLabels"],
            "ports": [{"name": "grpc", "port": CALLS, "targetPort": CALLS}],
        },
    }
    # Only the leader is ready. A budget that kept one ready pod would keep its machine from being drained.
    yield parts.budget(SERVER, "100%")
    folders = dict(_node_files(distro, cluster))
    yield parts.deployment(
        cluster,
        SERVER,
        replicas=replicas,
        container=_container(chosen, environment, [*folders]),
        volumes=[
            parts.config_volume(SERVER),
            parts.secret_volume(SERVER),
            {"name": "workspace", "emptyDir": {}},
            {"name": "tmp", "emptyDir": {}},
            {"name": "authorities", "hostPath": {"path": "/etc/ssl/certs", "type": "DirectoryOrCreate"}},
            *(
                {"name": _volume(path), "hostPath": {"path": path, "type": kind}}
                for path, kind in folders.items()
            ),
        ],
        dns="Default",  # the cloud's API, also while the cluster's own DNS does not answer
        annotations={"kbootstrap/configuration": _digest(files[SERVER_FILE])},
    )


def _container(chosen: AutoscalerPods, environment: Mapping[str, str], folders: list[str]) -> Object:
    variables = {"HOME": WORKSPACE, **environment}
    return {
        "name": SERVER,
        **parts.image(chosen.server),
        "args": ["autoscaler", "serve", "--config", SERVER_CONFIG],
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "ports": [
            {"name": "grpc", "containerPort": CALLS},
            {"name": "http", "containerPort": HTTP},
        ],
        "startupProbe": parts.probe("/healthz", HTTP, period=5, failures=60),
        "livenessProbe": parts.probe("/healthz", HTTP, period=10, failures=6),
        "readinessProbe": parts.probe("/readyz", HTTP, period=2, failures=3),
        "securityContext": parts.confined(),
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
        "volumeMounts": [
            parts.mount("config", CONFIG),
            parts.mount("secret", SECRET),
            parts.mount("workspace", WORKSPACE, writable=True),
            parts.mount("tmp", "/tmp", writable=True),  # noqa: S108 - the pod's own
            parts.mount("authorities", "/etc/ssl/certs"),
            *(parts.mount(_volume(path), f"{HOST}{path}") for path in folders),
        ],
    }


def _rules() -> Iterator[Object]:
    """Yield what the server does in the namespace; a new object cannot be allowed by name."""
    yield rule("coordination.k8s.io", ["leases"], ["create"])
    yield rule("coordination.k8s.io", ["leases"], ["get", "update"], [LEASE])
    yield rule("", ["events"], ["create", "patch"])


def _node_files(distro: Distribution, cluster: Cluster) -> Iterator[tuple[str, str]]:
    """Yield what the pod sees of its machine, with the kind: folders of what new nodes need.

    Of kbootstrap's own folder, which only root may read, the file alone.
    """
    own = str(PurePosixPath(distro.paths.stamp).parent)
    for artifact in distro.artifacts(cluster.kubernetes.version, _ARCHITECTURE):
        folder = str(PurePosixPath(artifact.path).parent)
        yield (artifact.path, "File") if folder == own else (folder, "Directory")


def _volume(path: str) -> str:
    """Return the name of the volume of a path."""
    return f"host-{hashlib.sha256(path.encode()).hexdigest()[:8]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
