"""What an infrastructure adds to its clusters' nodes, as data: distributions place it, providers say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SECRET_NAMESPACE = "kube-system"  # noqa: S105 - a namespace
UNINITIALIZED = "node.cloudprovider.kubernetes.io/uninitialized"
"""The taint of a node that its cloud controller has not seen yet (Kubernetes: "Cloud Controller Manager
Administration")."""


@dataclass(frozen=True, slots=True)
class Additions:
    """What is added to the nodes of a cluster. Holds no secret.

    `cloud_controller`: the infrastructure's own controller runs in the cluster, not the distribution's.
    `manifests` are deployed by the servers, by file name. `images` are the images that nodes are sent, by
    name and version; others are pulled. `secret` is the name of the Secret in `kube-system` that these need,
    which the provider makes; `readers` is the label of pods that read it only when they start. `controller`
    is the controller's workload in `kube-system`, as `kubectl logs` takes it.
    """

    cloud_controller: bool = False
    manifests: Mapping[str, str] = field(default_factory=dict)
    images: tuple[tuple[str, str], ...] = ()
    secret: str | None = None
    readers: str = ""
    controller: str = ""


NOTHING = Additions()


@dataclass(frozen=True, slots=True)
class SecretContent:
    """The content of such a Secret. `mark` is public: it shows later whether the Secret is still valid."""

    mark: str
    data: Mapping[str, str] = field(repr=False)
