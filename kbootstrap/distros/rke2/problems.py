"""What a spec cannot want of RKE2, each at its line. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.core.diagnostics import Diagnostic, SpecPath
from kbootstrap.distros.rke2 import minors
from kbootstrap.spec import flaw
from kbootstrap.spec.model import Cluster, Spec

COMPONENTS = (
    "rke2-coredns",
    "rke2-metrics-server",
    "rke2-runtimeclasses",
    "rke2-security-responder",
    "rke2-snapshot-controller",
    "rke2-snapshot-controller-crd",
    "rke2-snapshot-validation-webhook",
)
"""The packaged charts that `disable` may name (docs.rke2.io, "Server Configuration Reference")."""
_CODE = "KB0366"


def problems(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Yield every problem with the `kubernetes` section of an RKE2 cluster."""
    base: SpecPath = ("clusters", cluster.name, "kubernetes")
    kubernetes = cluster.kubernetes
    row = minors.of(kubernetes.version)
    if row is None:
        yield Diagnostic(
            _CODE,
            f"kbootstrap installs RKE2 from v1.{minors.MINORS[0].number} on; {kubernetes.version} is older, "
            "and lacks settings that kbootstrap writes.",
            f"Write a version of v1.{minors.MINORS[0].number} or newer.",
            spec.source.value((*base, "version")),
        )
        return
    if not kubernetes.secrets_encryption and spec.source.written((*base, "secrets_encryption")):
        yield Diagnostic(
            _CODE,
            "RKE2 always encrypts Secrets in etcd; that cannot be switched off.",
            "Delete `secrets_encryption`, or write `true`.",
            spec.source.value((*base, "secrets_encryption")),
        )
    if kubernetes.profile and kubernetes.cni == "flannel":
        yield Diagnostic(
            _CODE,
            f"`profile: {kubernetes.profile}` sets network policies, which RKE2's flannel does not enforce.",
            "Choose canal, calico or cilium; without `cni` it is canal.",
            spec.source.value((*base, "cni")),
        )
    for number, name in enumerate(kubernetes.disable):
        if name not in COMPONENTS:
            yield _component(spec, (*base, "disable", number), name)
    wanted = kubernetes.ingress_controller or "none"
    if wanted != "none" and wanted not in dict(row.ingress):
        known = " or ".join(f"`{name}`" for name, _ in row.ingress)
        yield Diagnostic(
            _CODE,
            f"RKE2 {kubernetes.version} does not have the ingress controller {wanted} any more.",
            f"Write {known}. Move to Traefik while the old version still has both of them "
            "(docs.rke2.io, “Migrating from Ingress NGINX to Traefik”).",
            spec.source.value((*base, "ingress_controller")),
        )


def _component(spec: Spec, path: SpecPath, name: str) -> Diagnostic:
    if name in ("traefik", "rke2-traefik", "ingress-nginx", "rke2-ingress-nginx"):
        help_ = "Delete it: `ingress_controller` decides, and RKE2 gets none by default."
    elif name == "servicelb":
        help_ = "Delete it: kbootstrap does not enable it with RKE2."
    else:
        meant = flaw.close(name, COMPONENTS)
        help_ = f"Did you mean `{meant}`?" if meant else f"RKE2 has: {', '.join(COMPONENTS)}."
    reason = f"RKE2 has no component {flaw.quote(name)} that could be left out."
    return Diagnostic(_CODE, reason, help_, spec.source.value(path))
