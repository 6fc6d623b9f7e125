"""Converts a failed command of OpenTofu or Terraform into an error."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kbootstrap.core.diagnostics import Diagnostic, errors
from kbootstrap.core.errors import Interrupted, KbootstrapError, TofuFailed
from kbootstrap.core.hints import Hint
from kbootstrap.core.redact import Redactor
from kbootstrap.render.provenance import Provenance
from kbootstrap.tofu.diagnostics import translate
from kbootstrap.tofu.hints import by_code, lookup

_HALTED = "execution halted"
"""Summary of the diagnostic that tofu adds after it was interrupted."""
_DEPRECATED = "deprecated"
"""In the summary of warnings about what the modules use: for authors of modules, not for operators."""
_RESOURCE = re.compile(r"(?s)^.*\nResource: ")


def failure(
    what: str,
    found: Sequence[Mapping[str, Any]],
    status: int,
    said: str,
    provenance: Provenance,
    redactor: Redactor,
    hints: Sequence[Hint] = (),
) -> KbootstrapError:
    """Return the error for a command that ended with `status`.

    `what` says what could not be done, `found` are tofu's diagnostics; `said` is the end of its output, shown
    where there are none; `hints` are the provider's. The first error's kind decides the class, and so the
    exit code.
    """
    halted = any(item.get("summary") == _HALTED for item in found)
    shown = [item for item in found if not _beside_the_point(item)]
    diagnostics = translate(shown, provenance, redactor, hints)
    if halted:
        return Interrupted(
            f"{what}: it was stopped; its state is kept",
            hint="run the same command again: it continues from there",
            diagnostics=diagnostics,
        )
    first = next(iter(errors(diagnostics)), None)
    if first is None:
        return by_code("").error(
            f"{what}: it ended with status {status}",
            detail=redactor.clean(said),
            code="KB0501",
            diagnostics=diagnostics,
        )
    return by_code(first.code, hints).error(what, code=first.code, diagnostics=diagnostics)


def with_faults(error: TofuFailed, faults: Mapping[str, str], hints: Sequence[Hint]) -> KbootstrapError:
    """Return the error with the infrastructure's own messages about machines that could not be created.

    `faults` are these words by node name; the provider's tools often lose them.
    """

    def explained(diagnostic: Diagnostic) -> Diagnostic:
        name = next((name for name in faults if f'.node["{name}"]' in diagnostic.reason), None)
        if name is None:
            return diagnostic
        words = faults[name].strip()
        meant = lookup(words, hints)
        return replace(
            diagnostic,
            code=meant.code,
            summary=f"Machine {name} could not be created",
            reason=f"{words}\nResource: {_RESOURCE.sub('', diagnostic.reason)}",
            help=meant.help,
        )

    diagnostics = tuple(explained(diagnostic) for diagnostic in error.diagnostics)
    first = next(iter(errors(diagnostics)), None)
    if first is None:
        return error
    return by_code(first.code, hints).error(error.message, code=first.code, diagnostics=diagnostics)


def _beside_the_point(item: Mapping[str, Any]) -> bool:
    summary = str(item.get("summary") or "")
    return summary == _HALTED or (item.get("severity") == "warning" and _DEPRECATED in summary.lower())
