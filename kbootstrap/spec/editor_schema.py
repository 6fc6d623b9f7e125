"""The schema for editors: the spec's schema, with the settings of all providers included. Pure."""

from __future__ import annotations

import copy
from typing import Any

from kbootstrap.spec import schemas

FILE = "kbootstrap.schema.json"
"""The schema file to which `init` refers editors, beside the spec."""
_OUTER = ("$schema", "$id", "$comment")


def bundle() -> dict[str, Any]:
    """Return a self-contained JSON Schema of draft 7."""
    whole: dict[str, Any] = copy.deepcopy(dict(schemas.spec()))
    chosen = whole["definitions"]["cluster"]["properties"]["provider"]
    chosen["additionalProperties"] = False
    chosen["properties"] = {
        name: {key: value for key, value in schemas.provider(name).items() if key not in _OUTER}
        for name in schemas.providers()
    }
    del whole["$id"], whole["$comment"]
    return whole
