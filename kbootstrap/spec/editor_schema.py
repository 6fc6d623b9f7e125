"""One schema for editors: the spec's, with the settings of every provider inside. Pure."""

from __future__ import annotations

import copy
from typing import Any

from kbootstrap.spec import schemas

FILE = "kbootstrap.schema.json"
"""Where `init` points editors to, beside the spec."""
_OUTER = ("$schema", "$id", "$comment")


def bundle() -> dict[str, Any]:
    """Return a JSON Schema of draft 7 that refers to nothing outside of itself."""
    whole: dict[str, Any] = copy.deepcopy(dict(schemas.spec()))
    chosen = whole["definitions"]["cluster"]["properties"]["provider"]
    chosen["additionalProperties"] = False
    chosen["properties"] = {
        name: {key: value for key, value in schemas.provider(name).items() if key not in _OUTER}
        for name in schemas.providers()
    }
    del whole["$id"], whole["$comment"]
    return whole
