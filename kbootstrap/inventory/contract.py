"""The outputs of a root as one contract: every file of machines gives its own, and they are joined here.

`kbootstrap` stands in `outputs.tf`, `kbootstrap_control_plane` and `kbootstrap_pool_<name>` in the files of
these machines, so that a new pool touches no other file. What comes out is what `schemas/output.json` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAME = "kbootstrap"
"""The output that says which cluster it is."""
MACHINES = f"{NAME}_"
"""How the names of outputs begin that are machines, by node name."""


def joined(outputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the outputs with all machines in `kbootstrap.nodes`.

    Roots of earlier versions have them there already. Without `kbootstrap` the machines belong to no cluster
    yet: a run was interrupted before the cluster existed, or during its removal, and there is nothing to
    connect to yet.
    """
    rest = {name: value for name, value in outputs.items() if not name.startswith(MACHINES)}
    made = rest.get(NAME)
    if not made:
        return rest
    nodes = dict(made.get("nodes") or {})
    for name, machines in sorted(outputs.items()):
        if name.startswith(MACHINES):
            nodes |= machines or {}
    return {**rest, NAME: {**made, "nodes": nodes}}
