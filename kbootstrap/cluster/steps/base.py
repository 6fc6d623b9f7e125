"""The base classes of steps. A new step is one class in a module of this package."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from kbootstrap.cluster.steps.run import ConvergeRun, RemovalRun

DriftKind = Literal[
    "infrastructure",
    "installation",
    "version",
    "configuration",
    "service",
    "volume",
    "labels",
    "membership",
    "other",
]
"""Kinds of differences that `status` shows."""


class Stage(enum.IntEnum):
    """The stages of a node, in the order in which its steps are carried out.

    Up to `SEND` no running cluster is needed. Within a stage steps keep the order of the plan, but those of
    `SEND` run at the same time.
    """

    CLEAN = enum.auto()
    """Remove what an earlier member left on the machine."""
    CLAIM = enum.auto()
    """Record on the machine what will be changed."""
    VOLUMES = enum.auto()
    """Mount volumes: files that are sent later may belong onto one."""
    SEND = enum.auto()
    """Send files."""
    CHANGE = enum.auto()
    """From the token to the service that starts."""
    SERVE = enum.auto()
    """Wait until a server serves."""
    PUBLISH = enum.auto()
    """Write through the API what other nodes wait for."""
    FINISH = enum.auto()
    """Wait for the node, and set what only the API can set."""


class DriftSubject(NamedTuple):
    """What a step repairs, as `status` names it: a kind, and a path, a unit, a volume."""

    kind: DriftKind
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action on one node."""

    node: str
    why: str

    @property
    def title(self) -> str:
        """The title of the step, for plans and progress."""
        raise NotImplementedError

    @property
    def drift(self) -> DriftSubject | None:
        """What differs on a node that needs this step; None if the step only follows from other steps."""
        return DriftSubject("other", self.title)

    @property
    def places(self) -> str:
        """The path of the file that the step writes and that the node's stamp must contain; empty if none."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvergeStep(Step):
    """A step by which a node becomes as the spec wants it.

    `rolling`: a plan with such a step changes one node after the other.
    """

    stage: ClassVar[Stage]
    rolling: ClassVar[bool] = False

    async def carry_out(self, run: ConvergeRun) -> None:
        """Carry out the step; raises the errors of the actions of `run`."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalStep(Step):
    """A step by which a node leaves the cluster; these keep the order of the plan.

    `clearing`: it only takes work away from the node, and the removal can still be cancelled.
    """

    clearing: ClassVar[bool] = False

    async def carry_out(self, run: RemovalRun) -> None:
        """Carry out the step; raises the errors of the actions of `run`."""
        raise NotImplementedError
