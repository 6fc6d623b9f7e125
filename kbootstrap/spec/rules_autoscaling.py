"""Rules about pools that grow and shrink with their load."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.core.diagnostics import Diagnostic, Related
from kbootstrap.spec import schemas
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.rules_names import pools


def supported(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject autoscaling with a provider that makes no machines."""
    provider = cluster.provider.name
    why = schemas.no_effect(provider).get("pools.autoscaling")
    for pool, path in pools(cluster):
        if pool.autoscaling is not None and why:
            yield Diagnostic(
                "KB0403",
                f"Provider {provider} cannot use `autoscaling`: {why}.",
                "Write `hosts:` with the machines of the pool."
                if schemas.trait(provider, "hosts") == "required"
                else "Write `nodes:` with their number.",
                spec.source.key((*path, "autoscaling")),
            )


def bounds(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject a minimum size above the maximum."""
    for pool, path in pools(cluster):
        found = pool.autoscaling
        if found is not None and found.min > found.max:
            span = spec.source.value((*path, "autoscaling", "max"))
            yield Diagnostic(
                "KB0321",
                f"Pool {pool.name} may have {found.min} nodes or more, and {found.max} or fewer.",
                "Exchange `min` and `max`.",
                spec.source.value((*path, "autoscaling", "min")),
                related=(Related(span, "the largest"),) if span else (),
            )


def volumes(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject volumes of nodes that come and go: their data would go with them."""
    for pool, path in pools(cluster):
        if pool.autoscaling is not None and pool.volumes:
            span = spec.source.key((*path, "autoscaling"))
            yield Diagnostic(
                "KB0325",
                f"Nodes of pool {pool.name} are removed when they are idle, and the data on their volumes "
                "would be lost.",
                "Use PersistentVolumeClaims, or give the pool a fixed number of `nodes`.",
                spec.source.key((*path, "volumes")),
                related=(Related(span, "comes and goes"),) if span else (),
            )


def flavors(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Require the pool's flavor as the first of `autoscaling.flavors`: the nodes up to `min` have it."""
    for pool, path in pools(cluster):
        ladder = pool.autoscaling.flavors if pool.autoscaling else ()
        if ladder and pool.flavor is not None and ladder[0] != pool.flavor:
            key = (*path, "autoscaling", "flavors")
            span = spec.source.value((*path, "flavor"))
            rest = [name for name in ladder if name != pool.flavor]
            yield Diagnostic(
                "KB0326",
                f"The nodes of pool {pool.name} up to `min` have the flavor {pool.flavor}, and the list "
                f"begins with {ladder[0]}.",
                f"Write `flavors: [{', '.join([pool.flavor, *rest])}]`, or change `flavor`.",
                spec.source.value((*key, 0)),
                related=(Related(span, "the pool's flavor"),) if span else (),
            )
