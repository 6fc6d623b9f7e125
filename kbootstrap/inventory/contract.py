"""The outputs of a root as one contract: each pool's file has its own output, and they are merged here.

The output `kbootstrap` is in `outputs.tf`; `kbootstrap_control_plane` and `kbootstrap_pool_<name>` are in the
files of these pools, so that a new pool changes no other file. The result conforms to `schemas/output.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAME = "kbootstrap"
"""The output that identifies the cluster."""
MACHINES = f"{NAME}_"
"""Prefixes of the outputs that contain machines by node name."""


def joined(outputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the outputs with all machines in `kbootstrap.nodes`.

    Roots of earlier versions already have them there. If `kbootstrap` is missing, the machines do not belong
    to a cluster: a run was interrupted before the cluster existed, or during its removal, and there is
    nothing to connect to.
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
