"""Data about an infrastructure. The core reads these traits instead of comparing provider names."""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.core.hints import Hint
from kbootstrap.render.traits import NO_TRAITS, ResourceTraits


@dataclass(frozen=True, slots=True)
class ProviderTraits:
    """The traits of one infrastructure.

    `switches_context`: `apply` makes the cluster the current context of kubectl; meant for clusters on the
    operator's own machine. `hints` explain error messages of this infrastructure in failures of OpenTofu; the
    first match applies. `resources` are the roles of the resources that its modules create. `delete_machine`
    is a command that deletes the machine `{name}`, for hints; empty if there is none.
    """

    switches_context: bool = False
    hints: tuple[Hint, ...] = ()
    resources: ResourceTraits = NO_TRAITS
    delete_machine: str = ""
