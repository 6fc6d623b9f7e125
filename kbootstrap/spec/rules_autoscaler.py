"""Rules about the autoscaler as pods: where it makes sense, and that its images are exactly known."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kbootstrap.core.diagnostics import Diagnostic, Related, SpecPath
from kbootstrap.spec import schemas
from kbootstrap.spec.images import ContainerImage
from kbootstrap.spec.model import Cluster, Spec

_MINOR = re.compile(r"v?(\d+\.\d+)\.\d+")
_ROLES = ("cluster_autoscaler", "server")


def supported(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject pods that could make no machines."""
    provider = cluster.provider.name
    why = schemas.no_effect(provider).get("autoscaler")
    if cluster.autoscaler is not None and why:
        yield Diagnostic(
            "KB0403",
            f"Provider {provider} cannot use `autoscaler`: {why}.",
            "Delete the key. Where the provider makes machines, the server can be started by hand "
            "(`kbootstrap autoscaler serve`).",
            spec.source.key(_path(cluster)),
        )


def pools(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject an autoscaler without a pool that it could scale."""
    refused = "autoscaler" in schemas.no_effect(cluster.provider.name)
    if cluster.autoscaler is not None and not refused and not any(p.autoscaling for p in cluster.pools):
        yield Diagnostic(
            "KB0387",
            f"Cluster {cluster.name} has no pool with `autoscaling`, so there is nothing to scale.",
            "Write `autoscaling: {min: …, max: …}` for a pool, or delete `autoscaler`.",
            spec.source.key(_path(cluster)),
        )


def pinned(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Require a digest, or a file with its checksum."""
    for key, image in _images(cluster):
        if found := _unpinned(image):
            reason, remedy = found
            yield Diagnostic("KB0388", reason, remedy, spec.source.value((*_path(cluster), key, "image")))


def minor(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Require Cluster Autoscaler's minor version to be that of Kubernetes."""
    if cluster.autoscaler is None:
        return
    tag = cluster.autoscaler.cluster_autoscaler.tag
    found, wanted = _MINOR.match(tag), _MINOR.match(cluster.kubernetes.version)
    if wanted is None or (found is not None and found[1] == wanted[1]):
        return
    said = f"is {found[1]}" if found else "has no version in its tag"
    span = spec.source.value(("clusters", cluster.name, "kubernetes", "version"))
    yield Diagnostic(
        "KB0389",
        f"Cluster Autoscaler must have the minor version of Kubernetes, {wanted[1]}; this image {said}.",
        f"Name an image of Cluster Autoscaler {wanted[1]}, with its version as tag.",
        spec.source.value((*_path(cluster), "cluster_autoscaler", "image")),
        related=(Related(span, "the version of Kubernetes"),) if span else (),
    )


def _images(cluster: Cluster) -> Iterator[tuple[str, ContainerImage]]:
    if cluster.autoscaler is not None:
        for key in _ROLES:
            yield key, getattr(cluster.autoscaler, key)


def _unpinned(image: ContainerImage) -> tuple[str, str] | None:
    """Return what is wrong with an image, and a remedy."""
    if image.file is None and image.digest:
        return None
    if image.file is None:
        return (
            "The image has no digest, so another one could be pulled under the same name.",
            "Add `@sha256:…` to the name, or write `file:` and `sha256:` of an archive with it.",
        )
    if image.digest:
        return (
            "Images of archives have no digest, and `file` says that it comes from one.",
            "Delete `@sha256:…` from the name, or delete `file`.",
        )
    if image.sha256 is None:
        return ("The archive of the image has no checksum.", f"Write `sha256:`; `sha256sum {image.file}`.")
    if not image.tag:
        return ("The image has no tag.", "Write the name as it is in the archive: `name:tag`.")
    return None


def _path(cluster: Cluster) -> SpecPath:
    return ("clusters", cluster.name, "autoscaler")
