"""A provider with a cluster whose machines exist, on its fake: what the contract suite runs over.

Each provider has one in `tests/providers/<name>/subject.py`, found by its folder; the simulated fleet's
provider has one too.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from kbootstrap.providers import names
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.model import Provider


@dataclass
class Subject:
    """A provider and its cluster.

    `requests` counts what was asked, `changes` are the requests that changed something. `lose` takes the
    machine of a node away behind the provider's back; None where a provider cannot see that.
    """

    provider: Provider
    context: ProviderContext
    outputs: Mapping[str, Any]
    requests: Callable[[], int]
    changes: Callable[[], list[str]]
    lose: Callable[[str], None] | None = None

    @property
    def names(self) -> list[str]:
        """The nodes."""
        return [node.name for node in self.context.nodes]


def output_nodes(context: ProviderContext) -> dict[str, dict[str, Any]]:
    """The nodes of the output contract, of a cluster whose machines all exist."""
    return {
        node.name: {
            "role": node.role,
            "pool": node.pool,
            "address": str(node.address),
            "instance": f"id-{node.name}",
        }
        for node in context.nodes
    }


def contract(context: ProviderContext, **more: object) -> dict[str, Any]:
    """The output contract of a cluster whose machines all exist."""
    host = {"host": "10.0.0.10", "port": 6443}
    own = {"spec": context.spec.name, "cluster": context.cluster.name}
    return {
        "kbootstrap": {
            **own,
            "endpoint": {"internal": host, "external": host},
            "nodes": output_nodes(context),
            **more,
        }
    }


Making = Callable[[Path], AbstractContextManager[Subject]]


def subjects() -> dict[str, Making]:
    """Return what makes each subject in a folder; fails for a provider without one."""
    places = {name: f"tests.providers.{name}.subject" for name in names()}
    places["simulated"] = "tests.fleet.subject"
    return {name: cast("Making", importlib.import_module(place).subject) for name, place in places.items()}
