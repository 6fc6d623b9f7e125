"""`kbootstrap validate`: all problems of a spec or a lock file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kbootstrap.core.diagnostics import Diagnostic, errors, in_order
from kbootstrap.core.errors import SpecInvalid
from kbootstrap.engine.cost import budget_problems
from kbootstrap.engine.spec import settings_problems
from kbootstrap.spec import contents, lockfile
from kbootstrap.spec.load import load


def problems(path: Path, env: Mapping[str, str]) -> tuple[Diagnostic, ...]:
    """Return the problems of one file; a spec's include those of its settings, and of what it refers to."""
    if not path.name.endswith(".lock.yaml"):
        loaded = load(path)
        if loaded.spec is None:
            return loaded.diagnostics
        own = settings_problems(loaded.spec)
        referred = contents.problems(loaded.spec, loaded.spec.clusters, env)
        costs = () if errors(own) else budget_problems(loaded.spec)
        return in_order([*loaded.diagnostics, *own, *referred, *costs])
    try:
        lockfile.read(path)
    except SpecInvalid as error:
        if not error.diagnostics:
            raise
        return error.diagnostics
    return ()
