"""Rules about clusters that share the operator's machine (`one_machine` in the provider's schema)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from kbootstrap.core.diagnostics import Diagnostic, Related, SpecPath
from kbootstrap.spec import derive, schemas
from kbootstrap.spec.flaw import Flaw
from kbootstrap.spec.model import Cluster, Spec


def _together(spec: Spec) -> tuple[Cluster, ...]:
    return tuple(cluster for cluster in spec.clusters if schemas.one_machine(cluster.provider.name))


def networks(spec: Spec) -> Iterator[Diagnostic]:
    """Reject overlapping networks on one machine."""
    ordered = sorted(
        (c.network.cidr, index, c) for index, c in enumerate(_together(spec)) if c.network is not None
    )
    for (first, _, cluster), (second, _, other) in pairwise(ordered):
        if first.overlaps(second):
            yield _clash(
                spec,
                Flaw(
                    "KB0317",
                    f"{first} and {second} would both be networks of this machine.",
                    "Set `network` of one of them to addresses of its own.",
                    summary="Networks of two clusters overlap",
                ),
                (other, ("network", "cidr")),
                (cluster, ("network", "cidr")),
            )


def api_ports(spec: Spec) -> Iterator[Diagnostic]:
    """Reject two clusters whose API would use the same port of this machine."""
    ports: dict[int, list[Cluster]] = {}
    for cluster in _together(spec):
        ports.setdefault(derive.api_port(spec.name, cluster), []).append(cluster)
    for port, clusters in ports.items():
        for cluster, other in combinations(clusters[:2], 2):
            yield _clash(
                spec,
                Flaw(
                    "KB0318",
                    f"The API of both would answer on port {port} of this machine.",
                    "Set `provider.local.api_port` of one of them to another port.",
                ),
                (other, ("provider", other.provider.name, "api_port")),
                (cluster, ("provider", cluster.provider.name, "api_port")),
            )


def _clash(
    spec: Spec, flaw: Flaw, place: tuple[Cluster, SpecPath], other: tuple[Cluster, SpecPath]
) -> Diagnostic:
    spans = []
    for cluster, path in (place, other):
        full: SpecPath = ("clusters", cluster.name, *path)
        written = spec.source.written(full)
        spans.append(spec.source.value(full) if written else spec.source.key(("clusters", cluster.name)))
    related = (Related(spans[1], "the other one"),) if spans[1] and spans[1] != spans[0] else ()
    return Diagnostic(flaw.code, flaw.reason, flaw.help, spans[0], related=related, summary=flaw.summary)
