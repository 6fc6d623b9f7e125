"""Contexts of providers for tests: the same machine, another cluster."""

from __future__ import annotations

from dataclasses import replace

from kbootstrap.providers.context import ClusterDefinition, ProviderContext
from kbootstrap.spec import topology
from kbootstrap.spec.lock import Lock, allocate
from kbootstrap.spec.model import Cluster, Spec


def define(spec: Spec, cluster: Cluster, lock: Lock) -> ClusterDefinition:
    """Return the definition of a cluster. Raises ValueError if the lock has no addresses for its pools."""
    return ClusterDefinition(spec, cluster, lock, topology.nodes(cluster, lock))


def of(
    context: ProviderContext, spec: Spec, cluster: Cluster | None = None, lock: Lock | None = None
) -> ProviderContext:
    """Return the context of a cluster of this spec (its first one), with what `lock` pins."""
    found = define(spec, cluster or spec.clusters[0], allocate(spec, lock or Lock()))
    return replace(context, spec=found.spec, cluster=found.cluster, lock=lock or Lock(), nodes=found.nodes)
