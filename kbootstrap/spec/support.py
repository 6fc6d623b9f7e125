"""Keys of the language that are not implemented for every provider. `plan` and `apply` reject them.

A row is removed by the commit that implements its key. Differences between providers are in their schemas
(`x-kbootstrap`): `supports` are the rows that a provider implements, `no_effect` are keys without effect,
each with the reason. Whether a distribution can be installed is one of its traits (`distributions.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kbootstrap.core.diagnostics import Diagnostic, SpecPath
from kbootstrap.spec import distributions, schemas
from kbootstrap.spec.model import Cluster, Pool, Spec
from kbootstrap.spec.rules_names import pools


@dataclass(frozen=True, slots=True)
class UnsupportedKey:
    """One key below a cluster; `when` decides from the values whether the key is used."""

    path: SpecPath
    what: str
    when: Callable[[Cluster], bool] = lambda _: True

    @property
    def name(self) -> str:
        """The key as `supports` and `no_effect` write it."""
        return ".".join(str(part) for part in self.path)


@dataclass(frozen=True, slots=True)
class PoolRow:
    """One key of pools and of the control plane."""

    key: str
    what: str
    when: Callable[[Pool], bool] = lambda _: True

    @property
    def name(self) -> str:
        """The key as `supports` and `no_effect` write it."""
        return f"pools.{self.key}"


CLUSTER_ROWS: tuple[UnsupportedKey, ...] = (
    UnsupportedKey(("ingress", "load_balancers"), "load balancers", lambda c: bool(c.load_balancers)),
    UnsupportedKey(("autoscaler",), "the autoscaler as pods on the control plane"),
    UnsupportedKey(("isolation", "pods"), "isolation of pods", lambda c: c.pod_isolation != "none"),
    UnsupportedKey(("buckets",), "buckets", lambda c: bool(c.buckets)),
    UnsupportedKey(("api", "endpoint"), "a chosen API endpoint"),
    UnsupportedKey(
        ("api", "allowed_cidrs"), "limits on access to the API", lambda c: bool(c.api.allowed_cidrs)
    ),
    UnsupportedKey(("ssh", "user"), "a chosen user"),
    UnsupportedKey(("ssh", "port"), "a chosen SSH port"),
    UnsupportedKey(("ssh", "authorized_keys"), "keys that may log in", lambda c: bool(c.ssh.authorized_keys)),
    UnsupportedKey(("ssh", "allowed_cidrs"), "limits on access to SSH", lambda c: bool(c.ssh.allowed_cidrs)),
)
POOL_ROWS: tuple[PoolRow, ...] = (
    PoolRow("autoscaling", "autoscaling"),
    PoolRow("volumes", "extra volumes", lambda p: bool(p.volumes)),
    PoolRow("anti_affinity", "anti-affinity", lambda p: p.anti_affinity != "none"),
)


def unsupported(spec: Spec, cluster: Cluster) -> tuple[Diagnostic, ...]:
    """Return a diagnostic for every key of this cluster that is written and not supported yet."""
    return tuple(_find(spec, cluster))


def _find(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    base: SpecPath = ("clusters", cluster.name)
    provider = cluster.provider.name
    if schemas.supports(provider) is None:
        yield _not_yet(spec, (*base, "provider", provider), f"the provider {provider}")
    distribution = cluster.kubernetes.distribution
    if not distributions.traits(distribution).supported:
        path: SpecPath = (*base, "kubernetes", "distribution")
        yield _not_yet(spec, path, f"the distribution {distribution}")
    for row in CLUSTER_ROWS:
        if spec.source.written((*base, *row.path)) and row.when(cluster):
            yield from _judge(spec, provider, (*base, *row.path), row)
    for pool, pool_base in pools(cluster):
        for pool_row in POOL_ROWS:
            if spec.source.written((*pool_base, pool_row.key)) and pool_row.when(pool):
                yield from _judge(spec, provider, (*pool_base, pool_row.key), pool_row)


def _judge(spec: Spec, provider: str, path: SpecPath, row: UnsupportedKey | PoolRow) -> Iterator[Diagnostic]:
    """Yield the problem with a written key for one provider; nothing if the provider implements it."""
    if why := schemas.no_effect(provider).get(row.name):
        yield Diagnostic(
            "KB0403",
            f"Provider {provider} cannot use `{path[-1]}`: {why}.",
            "Delete the key, or set it only for clusters of other providers.",
            spec.source.key(path),
        )
    elif row.name not in (schemas.supports(provider) or ()):
        yield _not_yet(spec, path, row.what)


def _not_yet(spec: Spec, path: SpecPath, what: str) -> Diagnostic:
    return Diagnostic(
        "KB0402",
        f"The spec may say it, but this version of kbootstrap cannot carry it out yet: {what}.",
        "Delete the key, or wait for a version that supports it; `validate` and `explain` know it already.",
        spec.source.key(path),
    )
