"""What differs between infrastructures and is no behaviour: data that the core reads instead of names."""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.core.hints import Hint
from kbootstrap.render.traits import NO_TRAITS, ResourceTraits


@dataclass(frozen=True, slots=True)
class ProviderTraits:
    """The traits of one infrastructure.

    `switches_context`: `apply` makes the cluster kubectl's current one, for clusters of one person on one
    machine. `hints` say what words of this infrastructure in failures of OpenTofu mean; the first match
    counts. `resources` are the roles of what its modules create. `delete_machine` is a command line that
    deletes the machine `{name}`, for hints; empty where there is none.
    """

    switches_context: bool = False
    hints: tuple[Hint, ...] = ()
    resources: ResourceTraits = NO_TRAITS
    delete_machine: str = ""
