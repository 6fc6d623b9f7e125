"""Compares kubeconfig text before and after an edit: all other entries must be unchanged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.kubeconfig.edit import Uneditable
from kbootstrap.kubeconfig.read import FIELDS, Kubeconfig, parse
from kbootstrap.kubeconfig.tree import YamlNode

_Meaning = tuple[object, ...]
_HEADER = ("apiVersion", "kind")


def edited(document: Kubeconfig, name: str, change: Callable[[Kubeconfig], str]) -> str:
    """Return the changed text of a file; `name` is the name of kbootstrap's entries.

    Raises `PrerequisiteMissing` (KB1006) if the file does not allow the change, or if other entries would
    change.
    """
    try:
        text = change(document)
        after = parse(text, document.path)
    except Uneditable as error:
        raise _refused(document.path, str(error)) from error
    except (PrerequisiteMissing, ValueError, RecursionError) as error:
        raise _refused(document.path, "its layout is not known") from error
    if _others(document.root, name, new=document.root is None) != _others(
        after.root, name, new=document.root is None
    ):
        raise _refused(document.path, "entries of others would change")
    return text


def _others(root: YamlNode | None, name: str, *, new: bool) -> list[_Meaning]:
    """Return the meaning of all other content of the file, in the file's order."""
    found: list[_Meaning] = []
    for key, value in root.items if root else ():
        label = key.value if key is not None else ""
        if label == "current-context" or (new and label in _HEADER):
            continue
        if label in FIELDS and value.kind == "list":
            own = [one for one in value.values() if _named(one.resolved) != name]
            found += [(label, _meaning(one)) for one in own]
        elif not (label in FIELDS and value.null):
            found.append((_meaning(key) if key is not None else (), _meaning(value)))
    return found


def _named(entry: YamlNode) -> str | None:
    found = entry.get("name")
    return found.value if found is not None and found.kind == "scalar" else None


def _meaning(node: YamlNode) -> _Meaning:
    """Return the content of a node with its scalars as written, not resolved."""
    items = tuple((_meaning(key) if key is not None else (), _meaning(value)) for key, value in node.items)
    return node.kind, node.value, node.plain, node.mark, items


def _refused(path: Path, why: str) -> PrerequisiteMissing:
    return PrerequisiteMissing(
        f"the kubeconfig {path} cannot be changed without touching what is not ours: {why}",
        code="KB1006",
        hint="let new entries go to another file (`export KUBECONFIG=~/.kube/new:~/.kube/config`), or let "
        "kubectl write this one again (`kubectl config view --raw`)",
    )
