"""Decides what the autoscaler needs as pods: archives of images, Secrets, and their removal; pure.

Their objects are in a manifest, which is a file like others (`node_files`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from kbootstrap.cluster.decide.node_case import NodeCase
from kbootstrap.cluster.decide.rotation import Rotation
from kbootstrap.cluster.state.api_facts import ApiFacts
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.state.pods_mark import PodsMark
from kbootstrap.cluster.steps.autoscaler import DropArchive, GivePodSecrets, RemovePods
from kbootstrap.cluster.steps.base import ConvergeStep
from kbootstrap.cluster.steps.files import StageFile
from kbootstrap.distros.additions import ARCHIVE_PREFIX, AUTOSCALER_MANIFEST
from kbootstrap.distros.model import Distribution

GONE = "the spec no longer has `autoscaler`"


def manifest(distro: Distribution) -> str:
    """Return the path of the manifest on servers."""
    return f"{distro.paths.manifests}/{AUTOSCALER_MANIFEST}"


def installed(distro: Distribution, facts: Collection[NodeFacts]) -> bool:
    """Return whether a server has, or had, the manifest."""
    return any(manifest(distro) in one.files for one in facts)


def archives(case: NodeCase) -> Iterator[ConvergeStep]:
    """Yield a step for each archive that a server lacks, and for each that it no longer needs.

    A name has a hash of the content, so an archive that is in place is the right one.
    """
    prefix, needed = f"{case.distro.paths.images}/{ARCHIVE_PREFIX}", set()
    for archive in case.desired.archives if case.node.role == "server" else ():
        needed.add(archive.artifact.path)
        there = case.facts.artifacts.get(archive.artifact.path)
        if there is None or not there.intact or there.sha256 != archive.sha256:
            yield StageFile(
                node=case.node.name,
                why="it is not there" if there is None else "the file on the node is damaged or gone",
                artifact=archive.artifact,
                version=archive.sha256[:16],
                load=case.settled,
            )
    for path in sorted(case.facts.artifacts):
        if path.startswith(prefix) and path not in needed:
            yield DropArchive(node=case.node.name, why="no pod needs it", path=path)


def secrets(
    desired: DesiredCluster,
    writer: str,
    facts: Mapping[str, NodeFacts],
    api: ApiFacts | None,
    tokens: Rotation,
    *,
    new: bool,
    elastic: Collection[str],
) -> Iterator[ConvergeStep]:
    """Yield the step that writes the Secrets, or that removes what the spec no longer has.

    `writer` is the node whose step it is, `elastic` are the elastic nodes that leave.
    """
    if not desired.additions.autoscaler:
        if api is not None and api.pods_mark is not None:
            yield RemovePods(node=writer, why=GONE, last=not elastic)
        return
    why = _why(desired, facts[writer], api, tokens, new=new) if writer in facts else ""
    if why:
        yield GivePodSecrets(node=writer, why=why, good=desired.access, checked=api is not None)


def _why(
    desired: DesiredCluster, facts: NodeFacts, api: ApiFacts | None, tokens: Rotation, *, new: bool
) -> str:
    """Return why the Secrets must be written; empty if they are valid."""
    if api is None:
        return "the cluster is new" if new else "the API does not answer now; they may be missing"
    if api.pods_mark is None:
        return "they are not there"
    mark = PodsMark.read(api.pods_mark)
    if mark is None:
        return "they are not those that kbootstrap writes"
    return mark.stale(desired.access, facts.time.timestamp(), tokens.agents)
