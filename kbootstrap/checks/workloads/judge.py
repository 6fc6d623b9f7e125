"""Applies all rules to namespaces: one result for each rule and object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from kbootstrap.checks.report import Outcome, Result, Subject
from kbootstrap.checks.workloads import rules_autoscalers, rules_budgets, rules_pods, rules_workloads
from kbootstrap.checks.workloads.judged_rule import JudgedRule
from kbootstrap.checks.workloads.objects import POD, Item, Namespace, named
from kbootstrap.cluster.state.pods import read_pod

CHECKS = (*rules_workloads.CHECKS, *rules_budgets.CHECKS, *rules_autoscalers.CHECKS, *rules_pods.CHECKS)
"""All rules, in the order of reports."""


def judge(namespaces: Iterable[Namespace]) -> tuple[Result, ...]:
    """Return the results; where objects could not be read, one that is unknown for each rule and kind."""
    return tuple(result for one in namespaces for check in CHECKS for result in _apply(check, one))


def _apply(check: JudgedRule, namespace: Namespace) -> Iterator[Result]:
    for kind in check.subjects:
        if reason := namespace.refused((kind, *check.needs)):
            yield Result(check.rule, Subject(kind, namespace=namespace.name), Outcome.UNKNOWN, reason)
        else:
            yield from _judged(check, kind, namespace)


def _judged(check: JudgedRule, kind: str, namespace: Namespace) -> Iterator[Result]:
    """Yield the results of one kind; those of the pods of one controller are one, and the worst counts."""
    found: dict[Subject, list[Result]] = {}
    for item in namespace.of(kind):
        if verdict := check.judge(item, namespace):
            subject = _subject(kind, item, namespace.name)
            result = Result(check.rule, subject, verdict.outcome, verdict.found, verdict.fix, verdict.example)
            found.setdefault(subject, []).append(result)
    for results in found.values():
        bad = [one for one in results if one.outcome is Outcome.FAILED]
        if len(bad) > 1:
            yield replace(bad[0], found=f"{bad[0].found} ({len(bad)} pods)")
        else:
            yield (bad or results)[0]


def _subject(kind: str, item: Item, namespace: str) -> Subject:
    """Return what a result is about: the controller of a pod, otherwise the object itself."""
    owner = read_pod(item).owner if kind == POD else None
    return Subject(owner.kind, owner.name, namespace) if owner else Subject(kind, named(item), namespace)
