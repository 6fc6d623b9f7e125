"""The last check before files are sent: machines must have the programs that the artifacts lack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kbootstrap.cluster.decide.preflight import programs
from kbootstrap.cluster.state.wanted import Wanted
from kbootstrap.cluster.steps.files import StageFile
from kbootstrap.core.diagnostics import Diagnostic, errors
from kbootstrap.core.errors import InstallFailed
from kbootstrap.engine.bundled_programs import bundled_programs
from kbootstrap.engine.context import Context
from kbootstrap.engine.observe import Nodes


def verify_programs(context: Context, nodes: Nodes) -> None:
    """Raise `InstallFailed` for machines that lack a program, before anything on them is changed.

    A plan can only warn while the artifacts are not obtained: what they bring depends on their source.
    """
    wanted = replace(nodes.wanted, bundled=bundled_programs(context))
    problems = tuple(lacking(wanted, nodes))
    if errors(problems):
        raise InstallFailed(
            f"cluster {context.cluster.name} cannot be changed to match the spec", diagnostics=problems
        )


def lacking(wanted: Wanted, nodes: Nodes) -> Iterator[Diagnostic]:
    """Yield the programs that are missing on machines to which files are sent."""
    for node in wanted.nodes:
        if any(isinstance(step, StageFile) for step in nodes.plan.steps.get(node.name, ())):
            facts = nodes.facts[node.name]
            yield from programs(wanted.distro, node, facts, bundled=wanted.bundled.get(facts.arch))
