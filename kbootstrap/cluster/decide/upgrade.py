"""Decides whether a change of version is allowed, and which server saves a snapshot before it; pure.

Rules: Kubernetes, "Version Skew Policy" (servers differ by one minor at most, kubelets are never newer than
them); k3s and RKE2, "Upgrades" (never skip a minor); etcd's data does not go back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kbootstrap.cluster.decide.removal import Removal
from kbootstrap.cluster.state.api_facts import ApiNode
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.steps.service import SaveSnapshot
from kbootstrap.core.diagnostics import Diagnostic


def runs(desired: DesiredCluster, facts: NodeFacts, seen: ApiNode | None) -> str:
    """Return the version of a node: the one that the API reports, else the installed one; may be empty."""
    return (seen.version if seen else "") or desired.distro.installed(facts.versions)


def other_version(desired: DesiredCluster, facts: NodeFacts, seen: ApiNode | None) -> bool:
    """Return whether a node that was part of the cluster runs another version than the desired one."""
    return runs(desired, facts, seen) not in ("", desired.version)


def first_to_change(
    desired: DesiredCluster, facts: Mapping[str, NodeFacts], seen: Mapping[str, ApiNode]
) -> str | None:
    """Return the server that saves a snapshot first: the first one, as long as no server has changed."""
    servers = [
        node.name for node in desired.servers if node.name in facts and _settled(desired, facts[node.name])
    ]
    changing = [name for name in servers if other_version(desired, facts[name], seen.get(name))]
    return changing[0] if changing and len(changing) == len(servers) else None


def snapshot(node: str, version: str) -> SaveSnapshot:
    """Return the step that saves etcd before `version`."""
    name = f"before-{re.sub(r'[^a-z0-9.]+', '-', version)}"
    return SaveSnapshot(node=node, why=f"servers change to {version}", name=name)


def problems(
    desired: DesiredCluster, facts: Mapping[str, NodeFacts], seen: Mapping[str, ApiNode], removal: Removal
) -> Iterator[Diagnostic]:
    """Yield the reasons why the version must not change, for nodes or for the cluster."""
    names = [n.name for n in desired.nodes if n.name in facts and _settled(desired, facts[n.name])]
    found = {
        name: runs(desired, facts[name], seen.get(name)) for name in names if name not in removal.replaced
    }
    others = {name: version for name, version in found.items() if version not in ("", desired.version)}
    for name, version in others.items():
        if why := _forbidden(version, desired.version) or desired.distro.forbids(version, desired.version):
            yield Diagnostic(
                "KB0809",
                f"{name} runs {version}, the spec wants {desired.version}: {why[0]}.",
                why[1],
            )
    if others and removal.names:
        yield Diagnostic(
            "KB0856",
            f"The spec wants {desired.version}, and {', '.join(sorted(removal.names))} must leave or be "
            "replaced. If the run failed, it would be unclear which of the two changes caused it.",
            "apply one of the two changes first: keep the old version, or the old machines, for now",
        )
    if others and not seen:
        yield Diagnostic(
            "KB0857",
            f"The spec wants {desired.version}, and the Kubernetes API does not answer. Repair the cluster "
            "before its version changes.",
            f"write `version: {next(iter(others.values()))}` for now, and repair the cluster: kbootstrap "
            "status shows its state",
        )


def _settled(desired: DesiredCluster, facts: NodeFacts) -> bool:
    return facts.registered or any(
        facts.unit(desired.distro.unit(role)).started for role in ("server", "agent")
    )


def _forbidden(old: str, new: str) -> tuple[str, str] | None:
    """Return why a node must not change from one version to another, and a remedy; None if it may."""
    before, after = _numbers(old), _numbers(new)
    if len(before) < 3 or len(after) < 3:
        return None
    if after < before:
        return (
            "a downgrade is not possible, because the data may have changed",
            f"write `version: {old}`, or a newer one; to return to an older one, restore a snapshot of it",
        )
    if before[0] != after[0] or after[1] > before[1] + 1:
        return (
            "an upgrade must not skip a minor version",
            f"upgrade step by step: first to the newest v{before[0]}.{before[1] + 1}, then to the next one",
        )
    return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
