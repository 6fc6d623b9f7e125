"""Merges a cluster into the operator's kubeconfig; all other entries stay unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from kbootstrap.inventory.model import Endpoint
from kbootstrap.kubeconfig import edit
from kbootstrap.kubeconfig.admin import Access, access, data
from kbootstrap.kubeconfig.lock import WAIT, locked
from kbootstrap.kubeconfig.paths import for_new_entries
from kbootstrap.kubeconfig.read import FIELDS, Kubeconfig, Section, read
from kbootstrap.kubeconfig.tree import YamlNode
from kbootstrap.kubeconfig.verify import edited
from kbootstrap.kubeconfig.write import write


def merge_into(
    paths: Sequence[Path], admin: str, name: str, endpoint: Endpoint, *, switch: bool, wait: float = WAIT
) -> tuple[Path, ...]:
    """Add the cluster of an admin kubeconfig to the operator's files; return the files that changed.

    `paths` is kubectl's search list (`search_list`), `name` the name of the entries (`entry_name`),
    `endpoint` the operators' API endpoint. With `switch`, or if no file has a current context, this cluster
    becomes the current context. Existing entries of this cluster are updated in place; the namespace that the
    operator set for its context is kept. `wait` (seconds) limits the wait for each file's lock. Blocks.

    Raises `PrerequisiteMissing` (KB1001, KB1002, KB1003, KB1006), `Locked` (KB1004), `InstallFailed`
    (KB1005); files that could not be changed are left as they were.
    """
    this = access(admin, name, endpoint)
    found = [read(path) for path in paths]
    switch = switch or not any(document.current_context for document in found)
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
            change = partial(_merged, this=this, sections=sections, switch=switch and path == new)
            if write(document, edited(document, name, change)):
                changed.append(path)
    return tuple(changed)


def _merged(document: Kubeconfig, this: Access, sections: Sequence[Section], *, switch: bool) -> str:
    text = document.text
    for section in sections:
        entry = document.find(section, this.name)
        text = (
            _renewed(text, section, this, entry)
            if entry
            else edit.put_entry(text, section, this.entry(section))
        )
    if switch and document.current_context != this.name:
        text = edit.set_current(text, this.name)
    return text


def _renewed(text: str, section: Section, this: Access, entry: YamlNode) -> str:
    """Update an existing entry if its content differs; additional fields of a context are kept."""
    place, field, content = (section, this.name), FIELDS[section], this.content(section)
    there = entry.get(field)
    found = data(there) if there else {}
    if section == "contexts" and isinstance(found, dict):
        for key, value in content.items():
            if found.get(key) != value:
                text = edit.set_value(text, place, (field, key), value)
        return text
    return text if found == content else edit.set_value(text, place, (field,), content)
