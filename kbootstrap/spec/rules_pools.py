"""Rules about sizes, references and versions."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.core.diagnostics import Diagnostic, Related, SpecPath
from kbootstrap.spec import distributions, flaw
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.rules_names import pools


def quorum(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject an even number of control-plane nodes: etcd tolerates no more failures than with one fewer."""
    count = cluster.control_plane.nodes
    if count % 2 == 0:
        key = "hosts" if cluster.control_plane.hosts else "nodes"
        yield Diagnostic(
            "KB0320",
            f"With {count} nodes etcd needs {count // 2 + 1} to agree, so it survives the loss of "
            f"{(count - 1) // 2}: no more than with {count - 1}, and there is one more node to lose.",
            f"Write {count - 1} or {count + 1}.",
            spec.source.value(("clusters", cluster.name, "control_plane", key)),
        )


def one_size(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject a pool with more than one key for its size."""
    for pool, path in pools(cluster):
        written = [key for key in ("nodes", "autoscaling", "hosts") if spec.source.written((*path, key))]
        for key in written[1:]:
            other = spec.source.key((*path, written[0]))
            yield Diagnostic(
                "KB0322",
                f"Pool {pool.name} has both `{written[0]}` and `{key}`, and each says how many nodes there "
                "are.",
                "Delete one of them.",
                spec.source.key((*path, key)),
                related=(Related(other, "also here"),) if other else (),
            )


def duplicate_taints(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject two taints with the same key and effect: the kubelet does not start with them."""
    for pool, path in pools(cluster):
        first: dict[tuple[str, str], int] = {}
        for index, taint in enumerate(pool.taints):
            earlier = first.setdefault((taint.key, taint.effect), index)
            if earlier == index:
                continue
            span = spec.source.value((*path, "taints", earlier))
            yield Diagnostic(
                "KB0363",
                f"A node has one value of `{taint.key}` with the effect {taint.effect}; with two the kubelet "
                "does not start.",
                "Delete one of them, or give it another key or effect.",
                spec.source.value((*path, "taints", index)),
                "again here",
                (Related(span, "first here"),) if span else (),
            )


def known_pools(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject a load balancer for a pool that does not exist."""
    names = [pool.name for pool in cluster.pools]
    for index, balancer in enumerate(cluster.load_balancers):
        if balancer.pool not in names:
            meant = flaw.close(balancer.pool, names)
            known = f"There are: {', '.join(dict.fromkeys(names))}." if names else "The cluster has no pools."
            path: SpecPath = ("clusters", cluster.name, "ingress", "load_balancers", index, "pool")
            yield Diagnostic(
                "KB0330",
                f"The cluster has no pool {flaw.quote(balancer.pool)}.",
                f"Did you mean `{meant}`?" if meant else known,
                spec.source.value(path),
            )


def version_of_distribution(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject a version of another distribution."""
    wanted = cluster.kubernetes.distribution
    form = distributions.traits(wanted).version
    if form.fits(cluster.kubernetes.version):
        return
    base: SpecPath = ("clusters", cluster.name, "kubernetes")
    span = spec.source.value((*base, "distribution"))
    written = spec.source.written((*base, "distribution"))
    number = cluster.kubernetes.version.partition("+")[0]
    yield Diagnostic(
        "KB0346",
        f"{cluster.kubernetes.version} is not a version of {wanted}: those end in `{form.first('')}`.",
        f"Write `{form.first(number)}`, or change `distribution`.",
        spec.source.value((*base, "version")),
        related=(Related(span, "the distribution"),) if span and written else (),
    )
