"""The costs of the clusters of a spec, with what their providers know, and the refusal of a budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from kbootstrap.core.diagnostics import Diagnostic, in_order
from kbootstrap.core.errors import SpecInvalid
from kbootstrap.cost.estimate import Present, estimate
from kbootstrap.cost.model import ClusterCost
from kbootstrap.cost.problems import problems
from kbootstrap.providers import find as find_provider
from kbootstrap.providers import names as provider_names
from kbootstrap.providers.elastic import ElasticMachine
from kbootstrap.spec.model import Cluster, Spec


def present(cluster: Cluster, known: Mapping[str, Any], machines: Collection[ElasticMachine] = ()) -> Present:
    """Return the present machines of each pool: those of the outputs, and elastic `machines`; pure.

    The outputs do not have flavors: their machines count with the flavor of their pool.
    """
    counts = Counter(str(node.get("pool", "")) for node in known.values())
    found = {
        pool.name: {pool.flavor or "": sum(counts[name] for name in {pool.name, *pool.renamed_from})}
        for pool in (cluster.control_plane, *cluster.pools)
    }
    names = {pool.born: pool.name for pool in cluster.pools}
    for one in machines:
        if one.pool in names:
            flavors = found[names[one.pool]]
            flavors[one.flavor] = flavors.get(one.flavor, 0) + 1
    return found


def cluster_cost(spec: Spec, cluster: Cluster, now: Present) -> ClusterCost | None:
    """Return the cost of a cluster; None without prices, or if its infrastructure costs nothing."""
    if spec.prices is None or cluster.provider.name not in provider_names():
        return None
    billing = find_provider(cluster.provider.name).billing
    return estimate(spec, cluster, billing.extras(cluster), spec.prices, now) if billing else None


def budget_problems(spec: Spec) -> tuple[Diagnostic, ...]:
    """Return the reasons to refuse a spec because of its budget."""
    if spec.budget is None:
        return ()
    costs = [cluster_cost(spec, cluster, {}) for cluster in spec.clusters]
    return tuple(problems(spec, [cost for cost in costs if cost is not None]))


def refuse_over_budget(spec: Spec) -> None:
    """Raise `SpecInvalid` if the clusters of a spec can cost more than its budget, or if that is unknown."""
    if found := budget_problems(spec):
        raise SpecInvalid(f"{spec.path} can exceed its budget", diagnostics=in_order(found))
