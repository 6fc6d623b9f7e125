"""A command's access to this machine, created once: processes, environment, cache, secrets, events."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kbootstrap.core.events import Emit
from kbootstrap.core.process import Runner
from kbootstrap.core.redact import Redactor


def processors() -> int:
    """Return the number of processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Runtime:
    """Passed to every stage, so that tests can pass their own instead of patching.

    `tofu` is the program that the operator configured; None: search for one. `processors` is how many this
    machine has for the run. `answers` are answers of this machine that stay the same for a run, by question,
    so that each is asked for once.
    """

    runner: Runner
    env: Mapping[str, str]
    cache: Path
    redactor: Redactor
    emit: Emit
    tofu: str | None = None
    processors: int = field(default_factory=processors)
    answers: dict[str, Any] = field(default_factory=dict)
