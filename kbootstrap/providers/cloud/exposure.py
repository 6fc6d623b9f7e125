"""What is open to every address because the spec does not limit it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.spec.model import Cluster, Spec

EVERYBODY = "0.0.0.0/0"
"""Who may reach API and SSH where the spec names no networks: both still ask for a key."""


def ranges(cidrs: Iterable[IPv4Network]) -> list[str]:
    """Return networks as text; every address where there are none."""
    return [str(cidr) for cidr in cidrs] or [EVERYBODY]


def warnings(spec: Spec, cluster: Cluster, firewall: str) -> Iterator[Diagnostic]:
    """Warn where a cloud's firewall lets every address reach API or SSH; no cluster is refused for it.

    `firewall` is what the cloud calls it ("security groups").
    """
    doors = (("api", "the API", cluster.api.allowed_cidrs), ("ssh", "SSH", cluster.ssh.allowed_cidrs))
    for key, name, allowed in doors:
        if not allowed:
            yield Diagnostic(
                "KB0355",
                f"No `{key}.allowed_cidrs` says who may reach {name} of cluster {cluster.name}, so the "
                f"{firewall} let everybody in.",
                f"Write `allowed_cidrs:` with the networks that operators come from, or [{EVERYBODY}] where "
                "everybody is meant.",
                spec.source.key(("clusters", cluster.name, key)),
                severity=Severity.WARNING,
            )
