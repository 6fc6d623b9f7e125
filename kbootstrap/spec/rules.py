"""Rules across fields: a table of small pure functions. Each yields diagnostics with their locations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import replace

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.spec import (
    rules_autoscaler,
    rules_autoscaling,
    rules_machine,
    rules_maintenance,
    rules_names,
    rules_network,
    rules_pools,
    rules_prices,
    rules_registries,
    rules_state,
    rules_traits,
    rules_volumes,
)
from kbootstrap.spec.model import Cluster, Spec

ClusterRule = Callable[[Spec, Cluster], Iterable[Diagnostic]]
SpecRule = Callable[[Spec], Iterable[Diagnostic]]

CLUSTER_RULES: tuple[ClusterRule, ...] = (
    rules_names.reserved,
    rules_names.node_names,
    rules_names.duplicate_pools,
    rules_names.former_names,
    rules_names.duplicate_hosts,
    rules_names.duplicates_in_lists,
    rules_network.subnets_overlap,
    rules_network.subnets_outside,
    rules_network.control_plane_size,
    rules_network.agents_size,
    rules_network.pods_and_services,
    rules_network.pod_addresses,
    rules_pools.quorum,
    rules_pools.one_size,
    rules_pools.duplicate_taints,
    rules_pools.known_pools,
    rules_pools.version_of_distribution,
    rules_volumes.mounts,
    rules_autoscaling.supported,
    rules_autoscaling.bounds,
    rules_autoscaling.volumes,
    rules_autoscaling.flavors,
    rules_autoscaler.supported,
    rules_autoscaler.pools,
    rules_autoscaler.pinned,
    rules_autoscaler.minor,
    rules_registries.mirrors,
    rules_registries.access,
    rules_registries.elastic,
    rules_maintenance.reboots,
    rules_maintenance.length,
    rules_traits.network,
    rules_traits.flavor,
    rules_traits.hosts,
    rules_traits.endpoint,
)
SPEC_RULES: tuple[SpecRule, ...] = (
    rules_names.colliding_nodes,
    rules_names.shared_hosts,
    rules_machine.networks,
    rules_machine.api_ports,
    rules_prices.one_currency,
    rules_prices.budget,
    rules_state.known,
    rules_state.one_for_each_cluster,
    rules_state.no_secrets,
    rules_state.locked,
)


_DOUBTFUL: dict[ClusterRule, str] = {
    rules_autoscaling.supported: "provider",
    rules_autoscaler.supported: "provider",
    rules_traits.network: "network",
    rules_traits.flavor: "flavor",
    rules_traits.hosts: "hosts",
    rules_traits.endpoint: "provider",
}


def check(spec: Spec, doubtful: AbstractSet[tuple[str, str]] = frozenset()) -> list[Diagnostic]:
    """Return the findings of the rules in every cluster and across clusters.

    `doubtful` has clusters and keys that were removed because of other problems; their rules are skipped.
    """
    found = [
        diagnostic
        for cluster in spec.clusters
        for rule in CLUSTER_RULES
        if (cluster.name, _DOUBTFUL.get(rule, "")) not in doubtful
        for diagnostic in rule(spec, cluster)
    ]
    sure = tuple(cluster for cluster in spec.clusters if (cluster.name, "provider") not in doubtful)
    return found + [d for rule in SPEC_RULES for d in rule(replace(spec, clusters=sure))]
