"""HCL addresses in OpenTofu's notation: `module.pool_web.terraform_data.node["production-web-1"]`.

Form: "Resource Addressing" in the documentation of OpenTofu. Instance keys are numbers or quoted strings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_PART = re.compile(r'\.?[^.\["]+|\["(?:[^"\\]|\\.)*"\]|\[\d+\]|.')


def prefixes(address: str) -> Iterator[str]:
    """Yield the address and all enclosing addresses, the longest first.

    `module.a.b.c["k"]` gives itself, `module.a.b.c`, `module.a.b`, `module.a`, `module`.
    """
    ends = [match.end() for match in _PART.finditer(address)]
    for end in reversed(ends):
        yield address[:end]


def key(address: str) -> str | None:
    """Return the last `for_each` key of an address, or None."""
    for part in reversed(_PART.findall(address)):
        if part.startswith('["'):
            try:
                found: object = json.loads(part[1:-1].replace("$${", "${").replace("%%{", "%{"))
            except ValueError:
                return None
            return str(found)
    return None


def node(address: str, cluster: str) -> str | None:
    """Return the node that a resource belongs to: its key, if that has the form of a node name.

    Resources of which a node has several are keyed `node/name`. Also finds nodes that are no longer in the
    spec.
    """
    found = (key(address) or "").partition("/")[0]
    return found if is_node(found, cluster) else None


def is_node(name: str, cluster: str) -> bool:
    """Return whether a name has the form of a cluster's node names."""
    return re.fullmatch(rf"{re.escape(cluster)}-.+-[1-9]\d*", name) is not None


def type_and_name(address: str) -> str:
    """Return `TYPE.NAME` of an HCL address, without modules and keys."""
    kind, _, name = address.partition("[")[0].rpartition(".")
    return f"{kind.rpartition('.')[2]}.{name}"
