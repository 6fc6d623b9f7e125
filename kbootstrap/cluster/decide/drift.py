"""The differences between a node and the spec, derived from the steps that would repair them; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kbootstrap.cluster.steps.base import DriftKind, Step
from kbootstrap.cluster.steps.machine import Claim
from kbootstrap.cluster.steps.service import RestartService


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference: `what` is a path, a unit or a volume; `why` is the reason."""

    kind: DriftKind
    what: str
    why: str


def differences(steps: Iterable[Step]) -> tuple[Drift, ...]:
    """Return the differences on a node that needs these steps, in their order.

    A machine that is empty is one difference, not as many as there are files; so is another version. A
    restart that only follows from a change is not listed.
    """
    whole = tuple(steps)
    if whole and isinstance(whole[0], Claim):
        whole = whole[:1]
    found = tuple(Drift(*step.drift, step.why) for step in whole if step.drift)
    changed = any(one.kind in ("version", "configuration") for one in found)
    units = {step.unit for step in whole if isinstance(step, RestartService)}
    return tuple(one for one in found if not (changed and one.kind == "service" and one.what in units))


def waits(steps: Iterable[Step]) -> tuple[Drift, ...]:
    """Return what these steps of a node wait for; empty if the node also has differences.

    A node with such steps is counted as not settled, so they are named like a difference is.
    """
    whole = tuple(steps)
    if differences(whole):
        return ()
    return tuple(Drift("other", step.title, step.why) for step in whole)
