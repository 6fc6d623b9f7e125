"""The form of every report: rules, results about objects, and the verdict over all clusters; pure.

What could not be read is `UNKNOWN`, never `PASSED`. Kubernetes objects, nodes and files can all be subjects.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kbootstrap.core.diagnostics import Severity


class Outcome(enum.StrEnum):
    """The outcome of one rule for one subject."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Rule:
    """A requirement. `id` is stable; `title` is the requirement, `means` what happens if it is not met.

    Titles have no full stop, the other texts are sentences.
    """

    id: str
    title: str
    severity: Severity
    means: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule is about: an object of Kubernetes, or a node. An empty name: all objects of that kind."""

    kind: str
    name: str = ""
    namespace: str = ""

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {place}" if self.name else f"every {self.kind} in {self.namespace}"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a rule for a subject. `found` says what was found, or why it could not be read.

    `fix` is a sentence, and `example` the keys to write, as data.
    """

    rule: Rule
    subject: Subject
    outcome: Outcome
    found: str = ""
    fix: str = ""
    example: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """The results of one cluster. `failure` is the reason if nothing could be checked."""

    cluster: str
    results: tuple[Result, ...] = ()
    failure: str = ""

    def of(self, outcome: Outcome) -> tuple[Result, ...]:
        """Return the results with an outcome."""
        return tuple(one for one in self.results if one.outcome is outcome)

    def verdict(self, least: Severity) -> Outcome:
        """Return the outcome of all rules of at least a severity; failed outweighs unknown."""
        found = {one.outcome for one in self.results if counts(one, least)}
        if self.failure:
            found.add(Outcome.UNKNOWN)
        return next((one for one in (Outcome.FAILED, Outcome.UNKNOWN) if one in found), Outcome.PASSED)


@dataclass(frozen=True, slots=True)
class Reports:
    """The reports of a run about the clusters of a spec, in its order.

    `check` is the name of what was checked. `failed` is the exit code of the first cluster that could not be
    checked, 0 if there is none. `least` is the least severity that decides.
    """

    check: str
    spec: str
    clusters: tuple[Report, ...]
    least: Severity = Severity.ERROR
    failed: int = 0

    @property
    def verdict(self) -> Outcome:
        """The outcome of all clusters."""
        found = {one.verdict(self.least) for one in self.clusters}
        return next((one for one in (Outcome.FAILED, Outcome.UNKNOWN) if one in found), Outcome.PASSED)


def counts(result: Result, least: Severity) -> bool:
    """Return whether a result decides about the verdict."""
    return result.rule.severity is Severity.ERROR or least is Severity.WARNING
