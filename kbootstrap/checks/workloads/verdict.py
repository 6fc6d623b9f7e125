"""What a rule says about one object, and the rule with the kinds that it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kbootstrap.checks.report import Outcome, Rule
from kbootstrap.checks.workloads.objects import Item, Namespace


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome with what was found and how to fix it; see `Result`."""

    outcome: Outcome
    found: str = ""
    fix: str = ""
    example: Mapping[str, Any] = field(default_factory=dict)


PASSED = Verdict(Outcome.PASSED)


def failed(found: str, fix: str, example: Mapping[str, Any] | None = None) -> Verdict:
    """Return the verdict on an object that does not meet a rule."""
    return Verdict(Outcome.FAILED, found, fix, example or {})


Judge = Callable[[Item, Namespace], Verdict | None]
"""Judges an object of a namespace; None if the rule does not apply to it."""


@dataclass(frozen=True, slots=True)
class Check:
    """A rule and its judge: `subjects` are the kinds of its objects, `needs` the other kinds it reads."""

    rule: Rule
    judge: Judge
    subjects: tuple[str, ...]
    needs: tuple[str, ...] = ()
