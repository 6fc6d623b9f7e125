"""A rule for objects of Kubernetes, with the kinds that it reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kbootstrap.checks.report import Rule
from kbootstrap.checks.verdict import Verdict
from kbootstrap.checks.workloads.objects import Item, Namespace

Judge = Callable[[Item, Namespace], Verdict | None]
"""Judges an object of a namespace; None if the rule does not apply to it."""


@dataclass(frozen=True, slots=True)
class JudgedRule:
    """A rule and its judge: `subjects` are the kinds of its objects, `needs` the other kinds it reads."""

    rule: Rule
    judge: Judge
    subjects: tuple[str, ...]
    needs: tuple[str, ...] = ()
