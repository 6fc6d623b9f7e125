"""What a command may use of this machine, gathered once: processes, environment, cache, secrets, events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.core.events import Emit
from kbootstrap.core.process import Runner
from kbootstrap.core.redact import Redactor


@dataclass(frozen=True, slots=True)
class Runtime:
    """Passed into every stage, so that tests pass their own and patch nothing.

    `tofu` is the program that the operator named, None to look for one.
    """

    runner: Runner
    env: Mapping[str, str]
    cache: Path
    redactor: Redactor
    emit: Emit
    tofu: str | None = None
