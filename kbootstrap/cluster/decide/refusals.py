"""Reasons to refuse a plan: each is a diagnostic with the reason and a remedy; pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from kbootstrap import distros
from kbootstrap.cluster.decide import autoscaler_pods
from kbootstrap.cluster.state.api_facts import ApiFacts
from kbootstrap.cluster.state.desired import DesiredCluster, DesiredNode
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.state.restore_mark import REHEARSAL, Mark
from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.distros import registries
from kbootstrap.distros.model import Distribution, Role

_FIXED = (
    "cluster-cidr",
    "service-cidr",
    "secrets-encryption",
    "cni",
    "node-name",
    "disable-cloud-controller",
)
"""Keys of the configuration that count when a cluster is made, and cannot be changed afterwards."""
_FIXED_ON_SERVERS = ("node-ip",)
"""etcd keeps the addresses of its members."""


def foreign(desired: DesiredCluster, facts: NodeFacts) -> Iterator[Diagnostic]:
    """Refuse a machine with a Kubernetes installation that is not this cluster's."""
    reason = ""
    if facts.others:
        reason = f"{facts.name} has an installation of {', '.join(facts.others)}."
    elif facts.claimed is None and facts.traces:
        name, trace = desired.distro.name, facts.traces[0]
        reason = f"{facts.name} has {name} already ({trace}), not installed by kbootstrap."
    elif facts.claimed not in (None, desired.cluster):
        reason = f"{facts.name} belongs to the cluster '{facts.claimed}', not to '{desired.cluster}'."
    if reason:
        yield Diagnostic(
            "KB0807",
            f"{reason} It is not changed.",
            f"name another machine, or uninstall what is there first ({', '.join(_uninstallers())})",
        )


def restoring(facts: NodeFacts) -> Iterator[Diagnostic]:
    """Refuse while a restore is incomplete: starting servers now could split the cluster."""
    if Mark.read(facts.restoring).stage == REHEARSAL:
        yield Diagnostic(
            "KB0893",
            f"{facts.name} is a kept rehearsal of a snapshot: it is isolated, and no container runs on it.",
            "look at it with kubectl, then remove it: `kbootstrap destroy` with this spec",
        )
    elif facts.restoring:
        yield Diagnostic(
            "KB0870",
            f"{facts.name} is part of an incomplete restore of {facts.restoring.partition(' ')[0]}.",
            "run the same `kbootstrap snapshot restore` again: it resumes where it stopped",
        )


def role(desired: DesiredCluster, node: DesiredNode, facts: NodeFacts) -> Iterator[Diagnostic]:
    """Refuse a machine that has the other role."""
    other: Role = "agent" if node.role == "server" else "server"
    if facts.unit(desired.distro.unit(other)).present:
        yield Diagnostic(
            "KB0812",
            f"{facts.name} is installed as {other}, and the spec wants it as {node.role}.",
            "give the new node another name, or recreate the machine",
        )


def fixed(node: DesiredNode, facts: NodeFacts, distro: Distribution) -> Iterator[Diagnostic]:
    """Refuse each changed setting that only applies when a cluster is created."""
    config = distro.paths.config
    if config not in facts.texts:
        return
    for key in (*_FIXED, *(_FIXED_ON_SERVERS if node.role == "server" else ()), *distro.fixed):
        yield from _fixed(node, facts, config, key, distro.fixed.get(key, key))


def embedded_mirror(desired: DesiredCluster, node: DesiredNode, facts: NodeFacts) -> Iterator[Diagnostic]:
    """Refuse a change of the embedded mirror: all servers must agree on it when they start.

    k3s source, `pkg/daemons/config/types.go`, `CriticalControlArgs`.
    """
    if node.role == "server":
        path = registries.settings_path(desired.distro)
        yield from _fixed(node, facts, path, "embedded-registry", "registries.embedded_mirror")


def _fixed(node: DesiredNode, facts: NodeFacts, path: str, key: str, name: str) -> Iterator[Diagnostic]:
    """Refuse a change of one key in one file; `name` is the key's name in the message."""
    after = next((file.content for file in node.files if file.path == path), "")
    old, new = _value(facts.texts.get(path, ""), key), _value(after, key)
    if old != new:
        yield Diagnostic(
            "KB0811",
            f"{facts.name} was created with {name} {old or 'unset'}, the spec now has {new or 'unset'}. It "
            "applies only when a cluster is created.",
            "restore the old value, or create a new cluster and move the workloads",
        )


def withdrawn(desired: DesiredCluster, node: DesiredNode, facts: NodeFacts) -> Iterator[Diagnostic]:
    """Refuse to drop a manifest that the spec no longer has: the objects that it created would remain."""
    folder = f"{desired.distro.paths.manifests}/"
    for path in sorted(facts.files.keys() - {file.path for file in node.files}):
        if path.startswith(folder) and path != autoscaler_pods.manifest(desired.distro):
            yield Diagnostic(
                "KB0827",
                f"{facts.name} deploys {path}, which the spec no longer has. Deleting the file would "
                "leave the objects that it created.",
                "add the addon to the spec again, or create a new cluster and move the workloads",
            )


def unknown_nodes(
    desired: DesiredCluster, api: ApiFacts | None, leaving: Collection[str]
) -> Iterator[Diagnostic]:
    """Warn of each node of the cluster that runs on no machine of the spec."""
    names = {*(node.name for node in desired.nodes), *leaving}
    for name in sorted(api.nodes if api else ()):
        if name not in names:
            yield Diagnostic(
                "KB0810",
                f"The cluster has the node {name}, which runs on no machine of this spec. It is not changed.",
                f"if it is not desired: kubectl drain {name} --ignore-daemonsets; kubectl delete node {name}",
                severity=Severity.WARNING,
            )


def _uninstallers() -> list[str]:
    return [script for one in distros.every() for script in one.uninstallers]


def _value(text: str, key: str) -> str | None:
    found = re.search(rf"^{re.escape(key)}: (.*)$", text, re.MULTILINE)
    return found.group(1) if found else None
