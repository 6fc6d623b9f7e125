"""What known words in failures of other programs mean: the form of such a table's rows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kbootstrap.core.errors import CredentialsRefused, Locked, PrerequisiteMissing, TofuFailed

Raised = type[CredentialsRefused | Locked | PrerequisiteMissing | TofuFailed]


@dataclass(frozen=True, slots=True)
class Hint:
    """`pattern` is searched in summary and detail; `error` is what the command raises for it.

    `passing`: it failed because others did the same at the same moment; worth one more try at once.
    """

    pattern: re.Pattern[str]
    code: str
    help: str
    error: Raised = TofuFailed
    passing: bool = False


def hint(pattern: str, code: str, text: str, error: Raised = TofuFailed, *, passing: bool = False) -> Hint:
    """Make a row; upper and lower case are the same."""
    return Hint(re.compile(pattern, re.IGNORECASE), code, text, error, passing)
