"""Decides what happens to the service of a node, and what its Node object needs afterwards."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.cluster.decide.node_case import NodeCase
from kbootstrap.cluster.state import labels
from kbootstrap.cluster.steps.api import ReconcileNode, WaitKnown
from kbootstrap.cluster.steps.base import ConvergeStep
from kbootstrap.cluster.steps.membership import HandOver, Uncordon, WaitReady, WaitWorkloads
from kbootstrap.cluster.steps.rotation import ForgetTokens
from kbootstrap.cluster.steps.service import EnableService, RestartService, StartService, WaitServing


def steps(case: NodeCase, changed: list[str]) -> Iterator[ConvergeStep]:
    """Yield the steps that start, restart or enable the service; `changed` are files that it must read."""
    name, unit = case.node.name, case.unit_name
    # Servers that start with the old token fail repeatedly: there is nothing to restart, and they are
    # started together, since one alone has no quorum.
    failing = case.member and case.tokens.pending and case.unit.active != "active"
    if not case.unit.started or failing:
        why = "it has failed" if case.unit.active == "failed" else "it does not run"
        yield StartService(node=name, why=why, unit=unit, behind=failing)
        return
    if changed or case.facts.restart_pending or (case.settled and case.runs_other_version):
        why = f"{changed[0]} changed" if changed else "configuration changed since it started"
        if case.runs_other_version:
            why = case.version_reason
        if case.member and len(case.found.members) > 1 and case.unit.active == "active":
            yield HandOver(node=name, why="no request fails while it restarts")
        yield RestartService(node=name, why=why, unit=unit)
    if not case.unit.enabled:
        yield EnableService(node=name, why="it would not start at the next boot", unit=unit)


def settle(case: NodeCase, service: list[ConvergeStep]) -> Iterator[ConvergeStep]:
    """Yield the final steps: waiting until the node is ready, labels and taints, and cleanup."""
    name = case.node.name
    starting = case.unit.active != "active" or any(not isinstance(s, EnableService) for s in service)
    ready = case.seen is not None and case.seen.ready_since(case.unit.since) and not case.stale
    looping = not service and case.facts.crash_looping(case.unit_name)
    if starting and case.node.role == "server":
        yield WaitServing(node=name, why="other nodes join through it", unit=case.unit_name, looping=looping)
    if starting or looping or not ready:
        why = "it starts" if starting else _not_ready(case)
        yield WaitReady(
            node=name,
            why="its service is crash-looping" if looping else why,
            unit=case.unit_name,
            version=case.desired.version,
            since=case.unit.since,
            looping=looping,
        )
    if starting and case.settled and case.runs_other_version:
        yield WaitWorkloads(node=name, why="another version replaces pods")
    if case.seen is not None and case.seen.leaving and not case.stale:
        yield Uncordon(node=name, why="it was to be removed, and stays")
    if case.desired.additions.cloud_controller and (case.seen is None or case.stale or not case.seen.known):
        yield WaitKnown(
            node=name,
            why="it finds the machine in the cloud",
            controller=case.desired.additions.controller,
        )
    if _relabel(case):
        yield ReconcileNode(
            node=name,
            why="they differ from the spec" if case.seen else "the node is new",
            labels=case.node.labels,
            taints=case.node.taints,
        )
    if case.member and case.tokens.unfinished(case.facts):
        yield ForgetTokens(node=name, why="the node has the new ones")


def _not_ready(case: NodeCase) -> str:
    if not case.api_known:
        return "the Kubernetes API does not answer"
    if case.seen is None:
        return "it is not in the cluster yet"
    if case.seen.ready:
        return "its service was started a moment ago"
    return case.seen.reason or "it is not Ready"


def _relabel(case: NodeCase) -> bool:
    if case.seen is None or case.stale:
        return bool(case.node.labels or case.node.taints)
    return labels.patch(case.seen, case.node.labels, case.node.taints) is not None
