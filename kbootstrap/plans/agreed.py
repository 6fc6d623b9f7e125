"""Compares the current plan of nodes with the one that was shown and saved; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from kbootstrap.cluster.steps.base import Step
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.errors import PlanMoved
from kbootstrap.spec.topology import is_elastic

STALE = "KB0514"
"""OpenTofu's refusal of a saved plan whose state changed."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """The nodes' part of the plan, as it was shown.

    `steps` has a digest of the steps of each node that had some. `new` are nodes that are installed from
    nothing: what that takes is known when their machine answers. `known` False: no node could be observed.
    """

    steps: Mapping[str, str]
    new: frozenset[str]
    known: bool

    def differences(self, plan: Plan) -> tuple[str, ...]:
        """Return a sentence for each node whose steps differ now."""
        found = digests(plan)
        names = dict.fromkeys([*self.steps, *found])
        return tuple(
            f"node {name} {_how(self.steps.get(name), found.get(name))}"
            for name in names
            if (name not in self.new or name in plan.leaving)
            and self.steps.get(name) != found.get(name)
            # An elastic node may have gone since: then less is done than was agreed.
            and (name in found or not is_elastic(plan.cluster, name))
        )

    def verify(self, cluster: str, plan: Plan) -> None:
        """Raise `PlanMoved` if the nodes, as observed now, need steps that were not shown."""
        if differences := self.differences(plan):
            raise moved([f"{text} (cluster {cluster})" for text in differences])


def digests(plan: Plan) -> dict[str, str]:
    """Return the SHA-256 of each node's steps: titles, reasons, files before and after."""
    steps: dict[str, Sequence[Step]] = {**plan.steps, **{n: mine for n, mine in plan.leaving.items() if mine}}
    return {
        name: hashlib.sha256("\n".join(map(repr, mine)).encode()).hexdigest() for name, mine in steps.items()
    }


def changed_files(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names whose hashes differ, or that only one side has."""
    return tuple(name for name in sorted({*before, *after}) if before.get(name) != after.get(name))


def changed_names(what: str, before: Collection[str], after: Collection[str]) -> Iterable[str]:
    """Yield a sentence for each name that only one side has."""
    for name in sorted({*before} ^ {*after}):
        yield f"{what} {name} {'is there again' if name in before else 'is gone'}"


def moved(what: Sequence[str]) -> PlanMoved:
    """Return the error that stops an apply, with all differences."""
    return PlanMoved(
        "the saved plan no longer matches",
        detail="\n".join(what),
        hint="create the plan again, and review it",
        code="KB0421",
    )


def _how(before: str | None, after: str | None) -> str:
    if before is None:
        return "needs steps that the plan does not have"
    return "no longer needs its steps" if after is None else "has other facts: its steps differ"
