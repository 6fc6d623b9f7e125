"""Decides for one node: its problems, and its steps in order."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.cluster.decide import (
    autoscaler_pods,
    host_updates,
    node_artifacts,
    node_files,
    node_secrets,
    node_service,
    pod_network,
    preflight,
    refusals,
    volumes,
)
from kbootstrap.cluster.decide.node_case import NodeCase
from kbootstrap.cluster.decide.rotation import ROTATED
from kbootstrap.cluster.steps.base import ConvergeStep
from kbootstrap.cluster.steps.files import StageFile, SwapFiles
from kbootstrap.cluster.steps.machine import Claim
from kbootstrap.cluster.steps.membership import ForgetNode
from kbootstrap.cluster.steps.rotation import ActivateTokens
from kbootstrap.core.diagnostics import Diagnostic


def problems(case: NodeCase, steps: tuple[ConvergeStep, ...]) -> Iterator[Diagnostic]:
    """Yield reasons to refuse the plan, and warnings; `steps` are the steps of this node."""
    yield from refusals.foreign(case.desired, case.facts)
    yield from refusals.restoring(case.facts)
    yield from refusals.role(case.desired, case.node, case.facts)
    yield from preflight.clock(case.facts)
    yield from volumes.problems(case.node, case.facts)
    yield from pod_network.problems(case.desired, case.node, case.facts)
    yield from host_updates.problems(case.desired.maintenance, case.facts)
    staging = any(isinstance(step, StageFile) for step in steps)
    if staging:
        bundled = case.desired.bundled.get(case.facts.arch)
        yield from preflight.programs(case.distro, case.node, case.facts, bundled=bundled)
    if case.settled:
        yield from refusals.fixed(case.node, case.facts, case.distro)
        yield from refusals.embedded_mirror(case.desired, case.node, case.facts)
        yield from refusals.withdrawn(case.desired, case.node, case.facts)
    else:
        yield from preflight.preflight(case.distro, case.node, case.facts, staging=staging)


def steps(case: NodeCase) -> Iterator[ConvergeStep]:
    """Yield the steps of the node, in order."""
    name = case.node.name
    if case.facts.claimed is None:
        yield Claim(node=name, why="the machine has no stamp of a cluster yet")
    yield from volumes.steps(case.node, case.facts)
    staged = list(node_artifacts.steps(case))
    yield from staged
    yield from autoscaler_pods.archives(case)
    written = list(node_files.steps(case))
    yield from written
    if case.stale:
        why = "it is being deleted" if case.settled else "this machine is new"
        yield ForgetNode(node=name, why=f"the cluster has a Node of this name, and {why}")
    elif case.found.members and not case.settled and not case.api_known:
        # Joining under a name that the cluster knows fails, and then the machine no longer looks new.
        yield ForgetNode(node=name, why="the API does not answer now; an earlier machine may have left one")
    if case.tokens.leader == name:
        yield ActivateTokens(node=name, why=ROTATED, again=case.tokens.begun)
    secrets = [*node_secrets.tokens(case), *node_secrets.private(case)]
    yield from secrets
    changed = [*(w.file.path for w in written if node_files.restarts(case, w)), *(s.path for s in secrets)]
    aside = tuple(step.artifact for step in staged if step.aside)
    if aside:
        yield SwapFiles(node=name, why=case.version_reason, artifacts=aside, version=case.desired.version)
        changed.insert(0, case.distro.paths.binary)
    service = list(node_service.steps(case, changed))
    yield from service
    yield from node_service.settle(case, service)
