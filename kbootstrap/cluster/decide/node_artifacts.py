"""Decides which artifacts are sent to a node."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.cluster.decide.node_case import NodeCase
from kbootstrap.cluster.steps.files import StageFile
from kbootstrap.distros.model import Artifact


def steps(case: NodeCase) -> Iterator[StageFile]:
    """Yield a step for each artifact that must be sent."""
    for artifact in case.desired.artifacts.get(case.facts.arch, ()):
        why = _missing(case, artifact)
        if why:
            yield StageFile(
                node=case.node.name,
                why=why,
                artifact=artifact,
                version=case.desired.version,
                aside=case.settled and case.installed not in ("", case.desired.version),
            )


def _missing(case: NodeCase, artifact: Artifact) -> str:
    """Return why an artifact must be sent; empty if it is in place.

    Another build of the same version is not replaced on a running node: that would have no benefit.
    """
    there = case.facts.artifacts.get(artifact.path)
    if there is None:
        return "it is not there"
    if not there.intact:
        return "the file on the node is damaged or gone"
    if there.version != case.desired.version:
        return f"the node has {there.version}"
    local = case.desired.local.get(artifact.name)
    if local and local.sha256 != there.sha256 and not case.settled:
        return "the file on the node is from another build"
    return ""
