"""A plan: the steps of each node, as data. `decide` returns it, views show it, `converge` carries it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kbootstrap.cluster.steps.api import GiveSecret
from kbootstrap.cluster.steps.autoscaler import GivePodSecrets
from kbootstrap.cluster.steps.base import ConvergeStep, RemovalStep
from kbootstrap.cluster.steps.files import StageFile
from kbootstrap.core.diagnostics import Diagnostic, errors


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps by node, in the order of the spec; nodes without steps are omitted.

    `leaving` are the steps of nodes that leave the cluster, for good or because their machine is replaced.
    `initial_server` starts a new cluster, None where there is one already; `members` are the servers that
    carry its data. `diagnostics` with an error mean that nothing may be done: no steps (`refused`).
    """

    cluster: str
    steps: Mapping[str, tuple[ConvergeStep, ...]]
    diagnostics: tuple[Diagnostic, ...] = ()
    initial_server: str | None = None
    members: tuple[str, ...] = ()
    leaving: Mapping[str, tuple[RemovalStep, ...]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do. A refused plan is not empty."""
        return not self.steps and not self.leaving and not self.refused

    @property
    def refused(self) -> bool:
        """Whether a diagnostic forbids carrying out the plan."""
        return bool(errors(self.diagnostics))

    @property
    def rolling(self) -> bool:
        """Whether nodes change one after the other."""
        return any(step.rolling for step in self.all_steps)

    @property
    def all_steps(self) -> tuple[ConvergeStep, ...]:
        """The steps of all nodes that stay or join."""
        return tuple(step for steps in self.steps.values() for step in steps)

    @property
    def gives_secret(self) -> bool:
        """Whether a Secret is written with a new credential of the infrastructure."""
        return any(isinstance(step, GiveSecret | GivePodSecrets) for step in self.all_steps)

    @property
    def artifacts(self) -> frozenset[str]:
        """The names of the artifacts that must be on this machine before `converge` is called."""
        return frozenset(step.artifact.name for step in self.all_steps if isinstance(step, StageFile))

    def has(self, name: str, *kinds: type[ConvergeStep]) -> bool:
        """Whether a node has a step of one of these kinds."""
        return any(isinstance(step, kinds) for step in self.steps.get(name, ()))
