"""Rules about registries and the proxy of nodes: what would have no effect, and what contradicts itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kbootstrap.core.diagnostics import Diagnostic, SpecPath
from kbootstrap.spec.model import Cluster, Registries, Spec, pool_path

_NOT_RE2 = re.compile(r"\(\?(?:[=!]|<[=!])|\\[1-9]")
"""Lookaround and references to groups: RE2 has neither (github.com/google/re2, "Syntax")."""
_ONLY_RE2 = re.compile(r"\\[pPzQEC]|\[\[:|\(\?[a-zA-Z-]*U")
"""Syntax that RE2 has and Python's expressions do not, which are used to look for mistakes."""


def mirrors(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject mirrors without effect, and rewrites that the nodes would ignore."""
    found = cluster.registries
    if found is None:
        return
    base: SpecPath = ("clusters", cluster.name, "registries", "mirrors")
    for name, mirror in found.mirrors.items():
        if not mirror.endpoints and not found.embedded:
            yield Diagnostic(
                "KB0382",
                f"The mirror of `{name}` names no server, so it has no effect.",
                "Write `endpoints`, or set `embedded_mirror: true`.",
                spec.source.key((*base, name)),
            )
        for expression in mirror.rewrites:
            if reason := _unusable(expression):
                yield Diagnostic(
                    "KB0383",
                    f"`{expression}` is not a regular expression that nodes understand: {reason}.",
                    "Write an RE2 expression, such as `^rancher/(.*)`.",
                    spec.source.key((*base, name, "rewrites", expression)),
                )


def access(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject half of a client certificate, and a CA for a server that is not verified."""
    found = cluster.registries
    for name, one in found.access.items() if found else ():
        base: SpecPath = ("clusters", cluster.name, "registries", "configs", name)
        if (one.client_certificate is None) != (one.client_key is None):
            here, missing = "client_certificate", "client_key"
            if one.client_certificate is None:
                here, missing = missing, here
            yield Diagnostic(
                "KB0384",
                f"`{here}` needs `{missing}`: a certificate and its key belong together.",
                f"Write `{missing}`, or delete `{here}`.",
                spec.source.key((*base, here)),
            )
        if one.insecure and one.ca is not None:
            yield Diagnostic(
                "KB0384",
                "With `insecure: true` the server is not verified, so `ca` has no effect.",
                "Delete `insecure`.",
                spec.source.key((*base, "insecure")),
            )


def elastic(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject secrets that nodes need and that the autoscaler's server does not have."""
    if not refers(cluster):
        return
    for pool in cluster.pools:
        if pool.capacity > pool.nodes:
            yield Diagnostic(
                "KB0385",
                f"Pool {pool.name} grows by itself, and its new nodes need a file or a variable that "
                "`registries` or `proxy` refers to. The autoscaler's server does not have it.",
                "Use a mirror without credentials and own CA, or set `nodes` instead of `autoscaling`.",
                spec.source.key((*pool_path(cluster, pool), "autoscaling")),
            )


def refers(cluster: Cluster) -> bool:
    """Return whether nodes need values to which the spec refers."""
    found: Registries | None = cluster.registries
    own = any(one.references for one in found.access.values()) if found else False
    return own or bool(cluster.proxy and cluster.proxy.credentials)


def _unusable(expression: str) -> str:
    """Return why nodes would ignore a rewrite; empty if nothing is found."""
    if _NOT_RE2.search(expression):
        return "it has no lookaround and no references to groups"
    if _ONLY_RE2.search(expression):
        return ""
    try:
        re.compile(expression)
    except re.error as error:
        return str(error)
    return ""
