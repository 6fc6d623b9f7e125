"""What of a node differs from what is wanted, read from the steps that would mend it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from kbootstrap.cluster.decide.steps import (
    Claim,
    EnableService,
    ForgetNode,
    GiveSecret,
    ReconcileNode,
    RestartService,
    SaveSnapshot,
    StageFile,
    StartService,
    Step,
    SwapFiles,
    Uncordon,
    VolumeStep,
    WaitKnown,
    WaitReady,
    WaitServing,
    WaitWorkloads,
    WriteFile,
    WriteSecret,
)

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
_CONSEQUENCES = (SaveSnapshot, WaitServing, WaitReady, WaitWorkloads, WaitKnown)
"""Steps that only follow from others, or wait: what they wait for is shown as the state of the node."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference: `what` is the thing (a path, a unit, a volume), `why` says what is wrong with it."""

    kind: Kind
    what: str
    why: str


def differences(steps: Iterable[Step]) -> tuple[Drift, ...]:
    """Return what differs on a node that needs these steps, in their order.

    A machine that carries nothing yet is one difference, not as many as there are files; so is another
    version. A restart that only follows from a change is none.
    """
    whole = tuple(steps)
    if whole and isinstance(whole[0], Claim):
        return (Drift("installation", "machine", whole[0].why),)
    found = tuple(_found(whole))
    changed = any(one.kind in ("version", "configuration") for one in found)
    units = {step.unit for step in whole if isinstance(step, RestartService)}
    return tuple(one for one in found if not (changed and one.kind == "service" and one.what in units))


def _found(steps: Iterable[Step]) -> Iterator[Drift]:
    for step in steps:
        if not isinstance(step, _CONSEQUENCES) and not (isinstance(step, StageFile) and step.aside):
            kind, what = _thing(step)
            yield Drift(kind, what, step.why)


def _thing(step: Step) -> tuple[Kind, str]:
    """Return what a step is about."""
    found: tuple[Kind, str] = ("other", step.title)
    match step:
        case StageFile():
            found = "version", step.artifact.name
        case SwapFiles():
            found = "version", "Kubernetes"
        case WriteFile():
            found = "configuration", step.file.path
        case WriteSecret():
            found = "configuration", step.path
        case StartService() | RestartService() | EnableService():
            found = "service", step.unit
        case VolumeStep():
            found = "volume", f"volume {step.volume.name}"
        case ReconcileNode():
            found = "labels", "labels and taints"
        case ForgetNode():
            found = "membership", "Node object"
        case Uncordon():
            found = "membership", "cordon"
        case GiveSecret():
            found = "configuration", f"Secret {step.secret}"
    return found
