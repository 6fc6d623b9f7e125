"""Rules about names: reserved, too long, duplicate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from kbootstrap.core.diagnostics import Diagnostic, Related, Span, SpecPath
from kbootstrap.spec.model import CONTROL_PLANE, Cluster, Pool, Spec
from kbootstrap.spec.topology import ELASTIC_LETTERS

LONGEST_NODE = 63
"""Longest node name in characters: it is a host name and a label value (`kubernetes.io/hostname`)."""
RESERVED_CLUSTERS = ("modules",)
"""The folder of shared modules in the workspace has this name."""


def pools(cluster: Cluster) -> Iterator[tuple[Pool, SpecPath]]:
    """Yield the control plane and every pool with its own path, even if names are duplicate."""
    yield cluster.control_plane, ("clusters", cluster.name, "control_plane")
    for index, pool in enumerate(cluster.pools):
        yield pool, ("clusters", cluster.name, "pools", index)


def reserved(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject names that kbootstrap uses itself."""
    for index, pool in enumerate(cluster.pools):
        if pool.name == CONTROL_PLANE:
            yield Diagnostic(
                "KB0304",
                f"`{CONTROL_PLANE}` is the name of the control plane's own nodes.",
                "Give the pool another name.",
                spec.source.value(("clusters", cluster.name, "pools", index, "name")),
            )
    if cluster.name in RESERVED_CLUSTERS:
        yield Diagnostic(
            "KB0304",
            f"A folder of kbootstrap's own is named `{cluster.name}`.",
            "Give the cluster another name.",
            spec.source.key(("clusters", cluster.name)),
        )


def node_names(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject node names that are too long."""
    for pool, path in pools(cluster):
        last = "x" * ELASTIC_LETTERS if pool.autoscaling else str(max(pool.nodes, 1))
        longest = f"{cluster.name}-{pool.born}-{last}"
        if not pool.hosts and len(longest) > LONGEST_NODE:
            where = path if pool is cluster.control_plane else (*path, "name")
            span = spec.source.key(("clusters", cluster.name)) if where == path else spec.source.value(where)
            yield Diagnostic(
                "KB0302",
                f"A node would be `{longest}`: {len(longest)} characters, and a host name has at most "
                f"{LONGEST_NODE}.",
                f"Shorten the name of the pool or of the cluster by {len(longest) - LONGEST_NODE}.",
                span,
            )


def duplicate_pools(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject two pools of the same name."""
    base: SpecPath = ("clusters", cluster.name, "pools")
    places = [(pool.name, (*base, i, "name")) for i, pool in enumerate(cluster.pools)]
    yield from _twice(spec, places, "pool", "Nodes are named after their pool.")


def former_names(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject a former name that another pool has or had, because it would refer to the same nodes."""
    base: SpecPath = ("clusters", cluster.name, "pools")
    taken: dict[str, SpecPath] = {CONTROL_PLANE: ("clusters", cluster.name, "control_plane")}
    taken |= {pool.name: (*base, i, "name") for i, pool in enumerate(cluster.pools)}
    for index, pool in enumerate(cluster.pools):
        for number, former in enumerate(pool.renamed_from):
            path: SpecPath = (*base, index, "renamed_from", number)
            if former in taken:
                first = spec.source.key(taken[former])
                yield Diagnostic(
                    "KB0305",
                    f"Pool {pool.name} was named `{former}` and its nodes still are, and the spec uses that "
                    "name for something else.",
                    "Give the other pool a name that no pool had. Two pools cannot exchange their names.",
                    spec.source.value(path),
                    related=(Related(first, "used here"),) if first else (),
                )
            else:
                taken[former] = path


def duplicate_hosts(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject two hosts of the same name or address in a cluster."""
    names: list[tuple[str, SpecPath]] = []
    addresses: list[tuple[str, SpecPath]] = []
    for pool, path in pools(cluster):
        for index, host in enumerate(pool.hosts):
            names.append((host.name, (*path, "hosts", index, "name")))
            addresses.append((host.address, (*path, "hosts", index, "address")))
    yield from _twice(spec, names, "host", "A node is known by its name.")
    yield from _twice(spec, addresses, "address", "Two nodes cannot be one machine.")


def shared_hosts(spec: Spec) -> Iterator[Diagnostic]:
    """Reject a machine that is in two clusters."""
    seen: dict[str, tuple[str, SpecPath]] = {}
    for cluster in spec.clusters:
        for pool, path in pools(cluster):
            for index, host in enumerate(pool.hosts):
                place = (*path, "hosts", index, "address")
                other = seen.setdefault(host.address, (cluster.name, place))
                if other[0] != cluster.name:
                    yield _double(
                        f"address `{host.address}`",
                        f"A machine is a node of one cluster, and this one is in {other[0]} already.",
                        spec.source.value(place),
                        spec.source.value(other[1]),
                    )


def duplicates_in_lists(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject two volumes, buckets or load balancers of the same name."""
    base: SpecPath = ("clusters", cluster.name)
    for pool, path in pools(cluster):
        volumes = [(v.name, (*path, "volumes", i, "name")) for i, v in enumerate(pool.volumes)]
        yield from _twice(spec, volumes, "volume", "A volume is known by its name.")
        mounts = [(v.mount, (*path, "volumes", i, "mount")) for i, v in enumerate(pool.volumes)]
        yield from _twice(spec, mounts, "mount", "The second volume would hide the first.")
    buckets = [(b.name, (*base, "buckets", i, "name")) for i, b in enumerate(cluster.buckets)]
    yield from _twice(spec, buckets, "bucket", "A bucket is known by its name.")
    balancers = [
        (b.name, (*base, "ingress", "load_balancers", i, "name"))
        for i, b in enumerate(cluster.load_balancers)
    ]
    yield from _twice(spec, balancers, "load balancer", "A load balancer is known by its name.")


def colliding_nodes(spec: Spec) -> Iterator[Diagnostic]:
    """Reject clusters whose nodes would share names: `a` with pool `b-c`, and `a-b` with pool `c`."""
    seen: dict[str, tuple[str, SpecPath]] = {}
    for cluster in spec.clusters:
        for pool, path in pools(cluster):
            prefix = f"{cluster.name}-{pool.born}"
            other = seen.setdefault(prefix, (cluster.name, path))
            if other[0] != cluster.name and not pool.hosts:
                yield _double(
                    f"node name `{prefix}-1`",
                    "The name of the cluster and of the pool together make the same node name in two "
                    "clusters.",
                    _name_span(spec, path),
                    _name_span(spec, other[1]),
                )


def _name_span(spec: Spec, path: SpecPath) -> Span | None:
    return spec.source.key(path) if path[-1] == "control_plane" else spec.source.value((*path, "name"))


def _twice(spec: Spec, places: Iterable[tuple[str, SpecPath]], what: str, why: str) -> Iterator[Diagnostic]:
    span: Callable[[SpecPath], Span | None] = spec.source.value
    first: dict[str, SpecPath] = {}
    for name, path in places:
        if name in first:
            yield _double(f"{what} `{name}`", why, span(path), span(first[name]))
        else:
            first[name] = path


def _double(what: str, why: str, span: Span | None, first: Span | None) -> Diagnostic:
    return Diagnostic(
        "KB0303",
        f"The {what} is here for the second time. {why}",
        "Rename or delete one of them.",
        span,
        "again here",
        (Related(first, "first here"),) if first else (),
    )
