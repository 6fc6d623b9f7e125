"""The last check before files are sent: machines must have the programs that the artifacts lack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from kbootstrap.cluster.decide.preflight import programs
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.steps.files import StageFile
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.diagnostics import Diagnostic, errors
from kbootstrap.core.errors import InstallFailed
from kbootstrap.engine.bundled_programs import bundled_programs
from kbootstrap.engine.context import Context


def verify_programs(
    context: Context, desired: DesiredCluster, plan: Plan, facts: Mapping[str, NodeFacts]
) -> None:
    """Raise `InstallFailed` for machines that lack a program, before anything on them is changed.

    A plan can only warn while the artifacts are not obtained: what they bring depends on their source.
    """
    desired = replace(desired, bundled=bundled_programs(context))
    problems = tuple(lacking(desired, plan, facts))
    if errors(problems):
        raise InstallFailed(
            f"cluster {context.cluster.name} cannot be changed to match the spec", diagnostics=problems
        )


def lacking(desired: DesiredCluster, plan: Plan, facts: Mapping[str, NodeFacts]) -> Iterator[Diagnostic]:
    """Yield the programs that are missing on machines to which files are sent."""
    for node in desired.nodes:
        if any(isinstance(step, StageFile) for step in plan.steps.get(node.name, ())):
            found = facts[node.name]
            yield from programs(desired.distro, node, found, bundled=desired.bundled.get(found.arch))
