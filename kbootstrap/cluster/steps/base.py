"""What every step has. A new step is one class in a module of this package."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from kbootstrap.cluster.steps.run import ConvergeRun, RemovalRun

Kind = Literal[
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
    """When a step of a node is carried out; the stages of a node follow each other in this order.

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


class Subject(NamedTuple):
    """What a step repairs, as `status` names it: a kind, and a path, a unit, a volume."""

    kind: Kind
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action on one node."""

    node: str
    why: str

    @property
    def title(self) -> str:
        """What the step does, in a few words."""
        raise NotImplementedError

    @property
    def drift(self) -> Subject | None:
        """What differs on a node that needs this step; None for a step that only follows from others."""
        return Subject("other", self.title)

    @property
    def places(self) -> str:
        """Path of the file of ours that the step places and that the node's record must name, or nothing."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvergeStep(Step):
    """A step by which a node becomes as the spec wants it.

    `rolling`: a plan with such a step changes one node after the other.
    """

    stage: ClassVar[Stage]
    rolling: ClassVar[bool] = False

    async def carry_out(self, run: ConvergeRun) -> None:
        """Do it; errors are those of the actions of `run`."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalStep(Step):
    """A step by which a node leaves the cluster; these keep the order of the plan.

    `clearing`: it only takes work away from the node, and the removal can still be cancelled.
    """

    clearing: ClassVar[bool] = False

    async def carry_out(self, run: RemovalRun) -> None:
        """Do it; errors are those of the actions of `run`."""
        raise NotImplementedError
