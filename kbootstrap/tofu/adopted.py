"""Sets the IDs of imported resources in a state, which is handled as text. Pure.

Form: version 4 of the state, which OpenTofu and Terraform share (their `internal/states/statefile`). An ID of
`terraform_data` is drawn by chance when the resource is made, and its configuration cannot say it; `tofu
import` can, but leaves out what else the resource must remember, and so it would be made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

VERSION = 4


def ids(state: str) -> dict[str, str]:
    """Return the ID of every managed resource of a state, by address; empty without a state."""
    return dict(_ids(json.loads(state))) if state.strip() else {}


def with_ids(state: str, wanted: Mapping[str, str]) -> str | None:
    """Return the state with these IDs at these addresses; None if it already has them.

    ValueError for a state of another form.
    """
    tree = json.loads(state)
    if tree.get("version") != VERSION:
        raise ValueError(f"a state of version {tree.get('version')}")
    have = dict(_ids(tree))
    changed = {have[place]: new for place, new in wanted.items() if have.get(place) not in (None, new)}
    if not changed:
        return None
    return json.dumps({**_replaced(tree, changed), "serial": tree["serial"] + 1}, indent=2)


def _ids(tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for resource in tree.get("resources", ()):
        if resource.get("mode") != "managed":
            continue
        base = ".".join(filter(None, (resource.get("module"), resource["type"], resource["name"])))
        for one in resource.get("instances", ()):
            found = (one.get("attributes") or {}).get("id")
            if isinstance(found, str):
                index = one.get("index_key")
                yield (base if index is None else f"{base}[{json.dumps(index)}]"), found


def _replaced(value: Any, changed: Mapping[str, str]) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(value, str):
        return changed.get(value, value)
    if isinstance(value, dict):
        return {key: _replaced(inner, changed) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, changed) for inner in value]
    return value
