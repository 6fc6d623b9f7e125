"""Merging a cluster into the operator's kubeconfig: everything that is not ours stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml.comments import CommentedSeq

from kbootstrap.inventory.model import Endpoint
from kbootstrap.kubeconfig.admin import Access, access
from kbootstrap.kubeconfig.lock import WAIT, locked
from kbootstrap.kubeconfig.paths import for_new_entries
from kbootstrap.kubeconfig.read import FIELDS, Document, Section, read
from kbootstrap.kubeconfig.write import write


def merge_into(
    paths: Sequence[Path], admin: str, name: str, endpoint: Endpoint, *, switch: bool, wait: float = WAIT
) -> tuple[Path, ...]:
    """Put the cluster of an admin kubeconfig into the operator's files; return the files that changed.

    `paths` is kubectl's search list (`search_list`), `name` the name of our entries (`entry_name`),
    `endpoint` the API as operators reach it. With `switch` kubectl talks to this cluster afterwards. Entries
    of ours that exist are renewed where they are; the namespace that the operator chose for our context is
    kept. `wait` (seconds) bounds the wait for each file's lock. Blocks.

    Raises `PrerequisiteMissing` (KB1001, KB1002, KB1003), `Locked` (KB1004), `InstallFailed` (KB1005); what
    could not be changed is as it was.
    """
    this = access(admin, name, endpoint)
    found = [read(path) for path in paths]
    new = for_new_entries(paths)
    homes: dict[Path, list[Section]] = {}
    for section in FIELDS:
        home = next((document.path for document in found if document.find(section, name)), new)
        homes.setdefault(home, []).append(section)
    if switch:
        homes.setdefault(new, [])
    changed = []
    for path, sections in homes.items():
        with locked(path, wait=wait):
            document = read(path)
            for section in sections:
                _put(document, section, this)
            if switch and path == new:
                document.tree["current-context"] = name
            if write(document):
                changed.append(path)
    return tuple(changed)


def _put(document: Document, section: Section, this: Access) -> None:
    document.tree.setdefault("apiVersion", "v1")
    document.tree.setdefault("kind", "Config")
    field = FIELDS[section]
    entry = document.find(section, this.name)
    if entry is None:
        if not document.tree.get(section):
            document.tree[section] = CommentedSeq()
        document.tree[section].append(this.entry(section))
    elif section == "contexts" and isinstance(entry.get(field), dict):
        entry[field].update(this.content(section))
    else:
        entry[field] = this.content(section)
