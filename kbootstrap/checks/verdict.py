"""What a rule says about one object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kbootstrap.checks.report import Outcome


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


def unknown(reason: str) -> Verdict:
    """Return the verdict on an object that could not be read."""
    return Verdict(Outcome.UNKNOWN, reason)
