"""Judges permissions and owners of files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kbootstrap.checks.conformance import remedies
from kbootstrap.checks.conformance.audit import Audit, FileReading
from kbootstrap.checks.conformance.audited_node import AuditedNode
from kbootstrap.checks.conformance.config_files import Unread
from kbootstrap.checks.verdict import PASSED, Verdict, failed
from kbootstrap.cluster.state.audit_facts import AuditFacts, FileFacts

_ETCD = "etcd:etcd"
_SHOWN = 2
"""So many files are named in what was found."""


def judge_files(audit: Audit, reading: FileReading, facts: AuditFacts, node: AuditedNode) -> Verdict | None:
    """Return the verdict on files; None if there may be none, and there is none. Raises `Unread`."""
    patterns = node.paths(reading.paths)
    found: list[FileFacts] = []
    for pattern in patterns:
        if pattern in facts.unread:
            raise Unread(facts.unread[pattern])
        matches = facts.files.get(pattern, ())
        if not matches and not reading.optional:
            raise Unread(f"there is no {pattern}")
        found += matches
    if not found:
        return None
    if reading.mode is not None:
        return _modes(audit, reading.mode, patterns, found, node)
    folders = node.paths(reading.etcd)
    bad = [one for one in found if one.owner != reading.owner and not _of_etcd(one, folders)]
    if not bad:
        return PASSED
    paths = [one.path for one in bad]
    fix = remedies.of_owners(audit, reading.owner, paths, patterns, node)
    return failed(_listed([f"{one.path} belongs to {one.owner}" for one in bad]), fix)


def _of_etcd(file: FileFacts, folders: Iterable[str]) -> bool:
    return file.owner == _ETCD and any(
        file.path == folder or file.path.startswith(f"{folder}/") for folder in folders
    )


def _modes(
    audit: Audit, mode: int, patterns: Sequence[str], found: Sequence[FileFacts], node: AuditedNode
) -> Verdict:
    bad = [one for one in found if one.mode & ~mode]
    if not bad:
        return PASSED
    fix = remedies.of_modes(audit, mode, [one.path for one in bad], patterns, node)
    return failed(_listed([f"{one.path} has mode {one.mode:o}" for one in bad]), fix)


def _listed(found: Sequence[str]) -> str:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"{', '.join(found[:_SHOWN])}{more}"
