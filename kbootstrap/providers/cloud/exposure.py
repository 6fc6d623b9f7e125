"""Services that are open to every address because the spec does not restrict them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.spec.model import Cluster, Spec

ALL_ADDRESSES = "0.0.0.0/0"
"""The allowed range of API and SSH if the spec sets none. Both still require authentication."""


def ranges(cidrs: Iterable[IPv4Network]) -> list[str]:
    """Return the networks as text; the range of all addresses if there are none."""
    return [str(cidr) for cidr in cidrs] or [ALL_ADDRESSES]


def warnings(spec: Spec, cluster: Cluster, firewall: str) -> Iterator[Diagnostic]:
    """Warn if the cloud's firewall allows every address to reach API or SSH.

    `firewall` is the cloud's name for it ("security groups").
    """
    services = (("api", "the API", cluster.api.allowed_cidrs), ("ssh", "SSH", cluster.ssh.allowed_cidrs))
    for key, name, allowed in services:
        if not allowed:
            yield Diagnostic(
                "KB0355",
                f"`{key}.allowed_cidrs` is not set for cluster {cluster.name}, so the {firewall} allow every "
                f"address to reach {name}.",
                f"Set `allowed_cidrs:` to the networks of the operators, or to [{ALL_ADDRESSES}] for all "
                "addresses.",
                spec.source.key(("clusters", cluster.name, key)),
                severity=Severity.WARNING,
            )
