"""Additions of an infrastructure to its clusters' nodes, defined by providers, installed by distributions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kbootstrap.distros.requirements import Port

SECRET_NAMESPACE = "kube-system"  # noqa: S105 - a namespace
AUTOSCALER_MANIFEST = "kbootstrap-autoscaler.yaml"
AUTOSCALER_SECRETS = ("cluster-autoscaler", "kbootstrap-autoscaler")
"""The Secrets of Cluster Autoscaler and of the server. The second one is written last, and has the mark."""
AUTOSCALER_READS = "kbootstrap-autoscaler"
READS = "kbootstrap/reads"
"""The label of pods that read a Secret only when they start; its value names the Secret."""
UNINITIALIZED = "node.cloudprovider.kubernetes.io/uninitialized"
"""The taint of a node that no cloud controller has initialised yet (Kubernetes: "Cloud Controller Manager
Administration")."""


@dataclass(frozen=True, slots=True)
class ImageArchive:
    """An image as a file that servers get: `file` is the operator's, relative to the spec; its SHA-256."""

    file: str
    sha256: str

    @property
    def name(self) -> str:
        """The name of the file on a server. It changes with the content."""
        end = ".tar.zst" if self.file.endswith(".zst") else ".tar"
        return f"{ARCHIVE_PREFIX}{self.sha256[:16]}{end}"


ARCHIVE_PREFIX = "kbootstrap-image-"


@dataclass(frozen=True, slots=True)
class Additions:
    """Additions to the nodes of a cluster. Contains no secrets.

    `cloud_controller`: the infrastructure's cloud controller runs in the cluster instead of the
    distribution's. `manifests` are deployed by the servers, by file name. `images` are the images that are
    copied to nodes, by name and version; others are pulled. `secret` is the name of the Secret in
    `kube-system` that the manifests need; the provider creates it. `readers` is the label of pods that read
    it only at startup. `controller` is the controller's workload in `kube-system`, as for `kubectl logs`.
    `ports` are those on which pods in the network of their node listen. `autoscaler`: Cluster Autoscaler and
    its server are among the manifests, and need their Secrets. `archives` are images that servers get.
    """

    cloud_controller: bool = False
    manifests: Mapping[str, str] = field(default_factory=dict)
    images: tuple[tuple[str, str], ...] = ()
    secret: str | None = None
    readers: str = ""
    controller: str = ""
    ports: tuple[Port, ...] = ()
    autoscaler: bool = False
    archives: tuple[ImageArchive, ...] = ()


NOTHING = Additions()


@dataclass(frozen=True, slots=True)
class SecretContent:
    """The content of the Secret. `mark` is public; it is used to check whether the Secret is still valid."""

    mark: str
    data: Mapping[str, str] = field(repr=False)
