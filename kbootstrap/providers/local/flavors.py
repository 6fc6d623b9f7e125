"""Sizes of nodes (`provider.local.flavors`): what the engine gives a container of this machine.

The engine sets the limits in the container's control group. A kubelet in a container sees the whole machine,
so the node gives it the rest as reserved (`kbootstrap-node-rest` in `node/`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.spec.model import Cluster, Spec, flavor_path


@dataclass(frozen=True, slots=True)
class LocalFlavor:
    """A size of nodes: processors, and memory in GiB."""

    cpus: int
    memory_gib: int

    @property
    def limits(self) -> tuple[str, ...]:
        """The options of `docker create` and `podman create`, as the module `nodes` has them."""
        return (f"--cpus={self.cpus}", f"--memory={self.memory_gib}g")


def flavors(cluster: Cluster) -> Mapping[str, LocalFlavor]:
    """Return the sizes that the spec describes, by name."""
    described = cluster.provider.settings.get("flavors", {})
    return {name: LocalFlavor(one["cpus"], one["memory_gib"]) for name, one in described.items()}


def problems(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject flavors of pools that the provider's settings do not describe."""
    known = flavors(cluster)
    for pool in (cluster.control_plane, *cluster.pools):
        for index, name in enumerate(pool.flavors):
            if name in known:
                continue
            have = f"It has {', '.join(known)}." if known else "It has none."
            yield Diagnostic(
                "KB0613",
                f"Pool {pool.name} has nodes of flavor {name}, which `provider.local.flavors` does not "
                f"describe. {have}",
                f"Write `provider: {{local: {{flavors: {{{name}: {{cpus: 1, memory_gib: 2}}}}}}}}`.",
                spec.source.value(flavor_path(spec, cluster, pool, index)),
            )
