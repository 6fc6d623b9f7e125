"""A node as audits see it: what the spec and the distribution say of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kbootstrap.checks.conformance.audit import Audit
from kbootstrap.distros.additions import Additions
from kbootstrap.distros.audits import AuditSources
from kbootstrap.distros.model import Distribution, Role
from kbootstrap.distros.requirements import Port
from kbootstrap.spec.model import Kubernetes

PROFILE, ENCRYPTION = "kubernetes.profile: cis", "kubernetes.secrets_encryption: true"
"""Keys of the spec, with values, that audits need."""


@dataclass(frozen=True, slots=True)
class AuditedNode:
    """A node. `unit` is its service, `ports` where it is expected to listen, `chosen` what the spec sets."""

    role: Role
    unit: str
    sources: AuditSources
    ports: tuple[Port, ...]
    chosen: frozenset[str]

    def applies(self, audit: Audit) -> bool:
        """Return whether an audit is about this node."""
        return self.role in audit.roles and (not audit.pods or bool(self.sources.pods))

    def path(self, pattern: str) -> str:
        """Return a path of the data, with its places."""
        return pattern.format_map(self.sources.places)

    def paths(self, patterns: Iterable[str]) -> tuple[str, ...]:
        """Return paths of the data, with their places."""
        return tuple(map(self.path, patterns))

    @property
    def etcd_config(self) -> str:
        """The configuration file of etcd, which the distribution writes (k3s source, `ToConfigFile`)."""
        return self.path("{etcd}/config")


def audited_node(
    distro: Distribution, role: Role, kubernetes: Kubernetes, additions: Additions
) -> AuditedNode:
    """Return a node of a cluster."""
    hardened = kubernetes.profile == "cis"
    chosen = {PROFILE: hardened, ENCRYPTION: kubernetes.secrets_encryption or hardened}
    return AuditedNode(
        role=role,
        unit=distro.unit(role),
        sources=distro.audits,
        ports=(*(one for one in distro.requirements(role) if isinstance(one, Port)), *additions.ports),
        chosen=frozenset(key for key, there in chosen.items() if there),
    )
