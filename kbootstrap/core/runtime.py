"""A command's access to this machine, created once: processes, environment, cache, secrets, events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.core.events import Emit
from kbootstrap.core.process import Runner
from kbootstrap.core.redact import Redactor


@dataclass(frozen=True, slots=True)
class Runtime:
    """Passed to every stage, so that tests can pass their own instead of patching.

    `tofu` is the program that the operator configured; None: search for one.
    """

    runner: Runner
    env: Mapping[str, str]
    cache: Path
    redactor: Redactor
    emit: Emit
    tofu: str | None = None
