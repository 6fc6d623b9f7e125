"""Removes a cluster from the operator's kubeconfig."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from kbootstrap.kubeconfig import edit
from kbootstrap.kubeconfig.lock import WAIT, locked
from kbootstrap.kubeconfig.read import FIELDS, Kubeconfig, named, read
from kbootstrap.kubeconfig.tree import parse
from kbootstrap.kubeconfig.verify import edited
from kbootstrap.kubeconfig.write import write


def remove(paths: Sequence[Path], name: str, *, wait: float = WAIT) -> tuple[Path, ...]:
    """Remove every entry called `name` from all files; return the files that changed.

    A current context of that name is cleared, so that kubectl reports an error instead of using another
    cluster. Files without such entries are not locked. `wait` is seconds, for each file's lock. Blocks.

    Raises `PrerequisiteMissing` (KB1001, KB1002, KB1003, KB1006) and `Locked` (KB1004).
    """
    changed = []
    for path in [document.path for document in map(read, paths) if _has(document, name)]:
        with locked(path, wait=wait):
            document = read(path)
            if write(document, edited(document, name, partial(_without, name=name))):
                changed.append(path)
    return tuple(changed)


def _has(document: Kubeconfig, name: str) -> bool:
    return document.current_context == name or any(document.find(section, name) for section in FIELDS)


def _without(document: Kubeconfig, name: str) -> str:
    text = document.text
    for section in FIELDS:
        while named(parse(text).root, section, name):
            text = edit.remove_entry(text, section, name)
    return edit.set_current(text, "") if document.current_context == name else text
