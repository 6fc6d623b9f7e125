"""What a spec cannot want of k3s, each at its line. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.spec.model import Cluster, Spec


def problems(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Yield every problem with the `kubernetes` section of a k3s cluster."""
    base, kubernetes = ("clusters", cluster.name, "kubernetes"), cluster.kubernetes
    if kubernetes.cni not in (None, "flannel"):
        yield Diagnostic(
            "KB0366",
            f"The pod network of k3s is flannel; kbootstrap installs {kubernetes.cni} with RKE2 only.",
            "Delete `cni`, or choose `distribution: rke2`.",
            spec.source.value((*base, "cni")),
        )
    encryption = (*base, "secrets_encryption")
    if kubernetes.profile and not kubernetes.secrets_encryption and spec.source.written(encryption):
        yield Diagnostic(
            "KB0366",
            f"`profile: {kubernetes.profile}` encrypts Secrets in etcd.",
            "Delete `secrets_encryption`, or write `true`.",
            spec.source.value(encryption),
        )
    if kubernetes.ingress_controller is not None:
        yield Diagnostic(
            "KB0366",
            "k3s has no setting for an ingress controller: it installs Traefik unless `disable` names it.",
            "Delete `ingress_controller`; for Traefik, write `disable: [servicelb]`.",
            spec.source.key((*base, "ingress_controller")),
        )
