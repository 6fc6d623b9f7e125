"""Sets the IDs of imported resources in a state, which is handled as text. Pure.

`state.py` describes its form. An ID of
`terraform_data` is drawn by chance when the resource is made, and its configuration cannot say it; `tofu
import` can, but leaves out what else the resource must remember, and so it would be made again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kbootstrap.tofu.state import State


def with_ids(state: State, wanted: Mapping[str, str]) -> str | None:
    """Return the text of the state with these IDs at these addresses; None if it already has them."""
    have = state.by_address
    changed = {have[place]: new for place, new in wanted.items() if have.get(place) and have[place] != new}
    if not changed:
        return None
    tree = json.loads(state.text)
    return json.dumps({**_replaced(tree, changed), "serial": tree["serial"] + 1}, indent=2)


def _replaced(value: Any, changed: Mapping[str, str]) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(value, str):
        return changed.get(value, value)
    if isinstance(value, dict):
        return {key: _replaced(inner, changed) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, changed) for inner in value]
    return value
