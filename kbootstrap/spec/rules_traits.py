"""Rules derived from the keys that a provider requires or does not support (`x-kbootstrap` in its schema)."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.core.diagnostics import Diagnostic, SpecPath
from kbootstrap.spec import schemas, topology
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.rules_names import pools


def network(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Require a network if the provider creates one, and reject it if the provider cannot."""
    path: SpecPath = ("clusters", cluster.name, "network")
    provider = cluster.provider.name
    trait = schemas.trait(provider, "network")
    if trait == "required" and cluster.network is None:
        yield Diagnostic(
            "KB0316",
            f"Provider {provider} makes the cluster's network, and needs to know its addresses.",
            "Write `network: {cidr: 10.20.0.0/16, control_plane: 10.20.0.0/24, agents: 10.20.4.0/22}`.",
            spec.source.key(("clusters", cluster.name)),
            summary="Network is missing",
        )
    if trait == "refused" and cluster.network is not None:
        reason = f"With provider {provider} the machines have their addresses already."
        yield Diagnostic(
            "KB0316", reason, "Delete `network`.", spec.source.key(path), summary="Network is not used"
        )


def flavor(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Require a flavor if the provider creates machines from flavors, and reject it otherwise."""
    provider = cluster.provider.name
    trait, command = schemas.trait(provider, "flavor"), schemas.list_flavors(provider)
    shown = f"; `{command}` shows them" if command else ""
    for pool, path in pools(cluster):
        if trait == "required" and pool.flavor is None:
            yield Diagnostic(
                "KB0323",
                f"Provider {provider} needs to know what machines of pool {pool.name} look like.",
                f"Write `flavor:` with a name of your cloud{shown}.",
                spec.source.key(path) if path[-1] == "control_plane" else spec.source.value(path),
                summary="Flavor is missing",
            )
        if trait == "refused" and pool.flavor is not None:
            reason = f"Machines of provider {provider} have no flavor."
            written = spec.source.written((*path, "flavor"))
            where = spec.source.key((*path, "flavor") if written else (*path, "autoscaling", "flavors"))
            yield Diagnostic(
                "KB0323",
                reason,
                f"Delete `{'flavor' if written else 'flavors'}`.",
                where,
                summary="Flavor is not used",
            )


def hosts(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Require hosts if the provider uses existing machines, and reject them otherwise."""
    provider = cluster.provider.name
    trait = schemas.trait(provider, "hosts")
    for pool, path in pools(cluster):
        refused = pool.autoscaling is not None and "pools.autoscaling" in schemas.no_effect(provider)
        if trait == "required" and not pool.hosts and not refused:
            written = "nodes" if spec.source.written((*path, "nodes")) else None
            yield Diagnostic(
                "KB0324",
                f"Provider {provider} makes no machines: pool {pool.name} must list those that exist.",
                "Write `hosts: [{name: node-1, address: 10.0.0.11}]`.",
                spec.source.key((*path, written) if written else path),
                summary="Hosts are missing",
            )
        if trait == "refused" and pool.hosts:
            reason = f"Provider {provider} makes the machines itself."
            help_ = "Delete `hosts` and write `nodes:` with their number."
            yield Diagnostic(
                "KB0324", reason, help_, spec.source.key((*path, "hosts")), summary="Hosts are not used"
            )


def endpoint(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject an endpoint that the provider does not create."""
    provider = cluster.provider.name
    if schemas.trait(provider, "hosts") == "required" and cluster.api.endpoint in topology.MADE_ENDPOINTS:
        yield Diagnostic(
            "KB0344",
            f"Provider {provider} makes no infrastructure, so there is no `{cluster.api.endpoint}`.",
            "Write the address or host name where the API answers.",
            spec.source.value(("clusters", cluster.name, "api", "endpoint")),
        )
