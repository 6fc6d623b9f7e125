"""Groups nodes with the same steps, which are shown once; pure."""

from __future__ import annotations

from collections.abc import Sequence

from kbootstrap.plans.model import NodeEntry, StepEntry


def alike(nodes: Sequence[NodeEntry]) -> dict[tuple[str, ...], NodeEntry]:
    """Group nodes with the same steps and changed lines, in the order of their first node.

    Returns one of them for each group of names.
    """
    groups: dict[object, list[NodeEntry]] = {}
    for node in nodes:
        described = tuple((step.title, step.why, changed_lines(step)) for step in node.steps)
        groups.setdefault((node.initial_server, node.leaves, described), []).append(node)
    return {tuple(node.node for node in group): group[0] for group in groups.values()}


def changed_lines(step: StepEntry) -> tuple[str, ...]:
    """Return the changed lines of a diff, without its headers and context."""
    lines = (step.diff or "").splitlines()[2:]
    return tuple(line for line in lines if line[:1] in "+-" and line)
