"""Taking a cluster out of the operator's kubeconfig again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kbootstrap.kubeconfig.lock import WAIT, locked
from kbootstrap.kubeconfig.read import FIELDS, Document, read
from kbootstrap.kubeconfig.write import write


def remove(paths: Sequence[Path], name: str, *, wait: float = WAIT) -> tuple[Path, ...]:
    """Remove every entry called `name` from all files; return the files that changed.

    A current context that was ours becomes empty: kubectl then asks, instead of talking to another cluster.
    Files without our entries are not even locked. `wait` is seconds, for each file's lock. Blocks.

    Raises `PrerequisiteMissing` (KB1001, KB1002, KB1003) and `Locked` (KB1004).
    """
    changed = []
    for path in [document.path for document in map(read, paths) if _has(document, name)]:
        with locked(path, wait=wait):
            document = read(path)
            _take_out(document, name)
            if write(document):
                changed.append(path)
    return tuple(changed)


def _has(document: Document, name: str) -> bool:
    return document.current_context == name or any(document.find(section, name) for section in FIELDS)


def _take_out(document: Document, name: str) -> None:
    for section in FIELDS:
        entries = document.tree.get(section) or []
        for index in reversed(range(len(entries))):
            if entries[index].get("name") == name:
                del entries[index]
    if document.current_context == name:
        document.tree["current-context"] = ""
