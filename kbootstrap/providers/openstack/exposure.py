"""What is open to everybody because the spec does not say who may come. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.providers.openstack.render_network import EVERYBODY
from kbootstrap.spec.model import Cluster, Spec


def warnings(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Warn where a cloud's firewall lets everybody reach API or SSH; no cluster is refused for it."""
    doors = (("api", "the API", cluster.api.allowed_cidrs), ("ssh", "SSH", cluster.ssh.allowed_cidrs))
    for key, name, allowed in doors:
        if not allowed:
            yield Diagnostic(
                "KB0355",
                "Open to everybody",
                f"No `{key}.allowed_cidrs` says who may reach {name} of cluster {cluster.name}, so the "
                "security groups let everybody in.",
                f"Write `allowed_cidrs:` with the networks that operators come from, or [{EVERYBODY}] where "
                "everybody is meant.",
                spec.source.key(("clusters", cluster.name, key)),
                severity=Severity.WARNING,
            )
