"""A state as data: what one `state pull` returns, decrypted.

Form: version 4 of the state, which OpenTofu and Terraform share (their `internal/states/statefile`).
Everything that kbootstrap wants to know of a state is read from one text, since each command of OpenTofu
reads the whole state again, over the network if the backend is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kbootstrap.inventory.contract import joined

VERSION = 4


@dataclass(frozen=True, slots=True)
class State:
    """A state at one moment; empty if nothing was applied yet.

    `outputs` are joined to the contract. `by_address` has the ID of every managed resource, empty for one
    without an ID. `ids` are all IDs, also of data sources, and of replaced resources that still exist.
    `identity` changes with every change of the state; `text` is the state itself.
    """

    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    by_address: Mapping[str, str] = field(default_factory=dict)
    ids: frozenset[str] = frozenset()
    identity: str = ""
    text: str = field(default="", repr=False)


def read(text: str) -> State:
    """Read a state; empty text is an empty state. ValueError for a text of another form. Pure."""
    if not text.strip():
        return State()
    tree = json.loads(text)
    if not isinstance(tree, dict) or tree.get("version") != VERSION:
        raise ValueError("not a state of version 4")
    resources = list(_resources(tree))
    return State(
        outputs=joined({name: item["value"] for name, item in (tree.get("outputs") or {}).items()}),
        by_address={one.address: one.id for one in resources if one.current},
        ids=frozenset(one.id for one in resources if one.id),
        identity=f"{tree.get('lineage', '')}/{tree.get('serial', '')}",
        text=text,
    )


@dataclass(frozen=True, slots=True)
class _Resource:
    """One instance. `current`: it is managed, and not one that was replaced and still has to be deleted."""

    address: str
    id: str
    current: bool


def _resources(tree: Mapping[str, Any]) -> Iterator[_Resource]:
    for resource in tree.get("resources") or ():
        base = ".".join(filter(None, (resource.get("module"), resource["type"], resource["name"])))
        for one in resource.get("instances") or ():
            found, index = (one.get("attributes") or {}).get("id"), one.get("index_key")
            yield _Resource(
                base if index is None else f"{base}[{json.dumps(index)}]",
                found if isinstance(found, str) else "",
                current=resource.get("mode") == "managed" and not one.get("deposed"),
            )
