"""Hints for known error messages of other programs: the row type of the hint tables."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kbootstrap.core.errors import CredentialsRefused, Locked, PrerequisiteMissing, TofuFailed

Raised = type[CredentialsRefused | Locked | PrerequisiteMissing | TofuFailed]


@dataclass(frozen=True, slots=True)
class Hint:
    """`pattern` is searched in summary and detail; `error` is the class that the command raises.

    `passing`: the failure is transient, caused by concurrent operations; one immediate retry is useful.
    """

    pattern: re.Pattern[str]
    code: str
    help: str
    error: Raised = TofuFailed
    passing: bool = False


def hint(pattern: str, code: str, text: str, error: Raised = TofuFailed, *, passing: bool = False) -> Hint:
    """Return a row; the pattern is case-insensitive."""
    return Hint(re.compile(pattern, re.IGNORECASE), code, text, error, passing)
