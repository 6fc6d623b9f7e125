"""Data about an infrastructure. The core reads these traits instead of comparing provider names."""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.core.hints import Hint
from kbootstrap.render.traits import NO_TRAITS, ResourceTraits

CLUSTERS_AT_ONCE = 8
"""Clusters of one infrastructure that a run handles at once: their machines work elsewhere, and this machine
runs a process of OpenTofu for each."""


@dataclass(frozen=True, slots=True)
class ProviderTraits:
    """The traits of one infrastructure.

    `on_this_machine`: the clusters' machines share the processors of the operator's machine.
    `switches_context`: `apply` makes the cluster the current context of kubectl; meant for clusters on the
    operator's own machine. `hints` explain error messages of this infrastructure in failures of OpenTofu; the
    first match applies. `resources` are the roles of the resources that its modules create. `delete_machine`
    is a command that deletes the machine `{name}`, for hints; empty if there is none.
    """

    on_this_machine: bool = False
    switches_context: bool = False
    hints: tuple[Hint, ...] = ()
    resources: ResourceTraits = NO_TRAITS
    delete_machine: str = ""

    def clusters_at_once(self, processors: int) -> int:
        """Return how many clusters a run handles at once, on a machine with that many processors; pure."""
        return max(processors, 1) if self.on_this_machine else CLUSTERS_AT_ONCE
