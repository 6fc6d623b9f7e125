"""Converts diagnostics of OpenTofu and Terraform into kbootstrap's, located at the spec's line.

Format: "Machine-Readable UI" in the documentation of OpenTofu, message type `diagnostic`. Commands without
`-json` (`init`, `output`, `state list`) print the same as text in boxes, which is read too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.core.hints import Hint
from kbootstrap.core.redact import Redactor
from kbootstrap.render.provenance import Provenance
from kbootstrap.tofu.hints import lookup

_LAST_LINES = 20
_COMMAND = re.compile(
    r"Error running command '.*?': (?P<status>[^\n']*?)\. Output: ?(?P<output>.*)",
    re.DOTALL,
)


def translate(
    found: Iterable[Mapping[str, Any]],
    provenance: Provenance,
    redactor: Redactor,
    hints: Sequence[Hint] = (),
) -> tuple[Diagnostic, ...]:
    """Return tofu's diagnostics as `Diagnostic`s, without duplicates; `hints` are the provider's."""
    return tuple(dict.fromkeys(_translate(item, provenance, redactor, hints) for item in found))


def _translate(
    item: Mapping[str, Any], provenance: Provenance, redactor: Redactor, hints: Sequence[Hint]
) -> Diagnostic:
    summary = redactor.clean(str(item.get("summary") or "unknown problem")).strip().rstrip(".")
    detail = redactor.clean(str(item.get("detail") or "")).strip()
    address, place = _where(item, provenance)
    warning = item.get("severity") == "warning"
    hint = lookup(f"{summary}\n{detail}", hints)
    span = provenance.span(provenance.path(address)) if address else None
    reason = _reason(detail)
    if address and address not in reason:
        reason = f"{reason}\nResource: {address}".strip()
    if place and not span:
        reason = f"{reason}\nAt: {place}".strip()
    return Diagnostic(
        code="KB0515" if warning else hint.code,
        summary="Command failed" if _COMMAND.match(detail) else summary,
        reason=reason or f"{summary}.",
        help="" if warning else hint.help,
        span=span,
        label="caused by this" if span else "",
        severity=Severity.WARNING if warning else Severity.ERROR,
    )


def _where(item: Mapping[str, Any], provenance: Provenance) -> tuple[str | None, str | None]:
    """Return the resource address of a diagnostic, and its location in the HCL as `file:line`."""
    place = item.get("range") or {}
    file, line = place.get("filename"), (place.get("start") or {}).get("line")
    known = provenance.address(file, line) if file and line else None
    return item.get("address") or known, f"{file}:{line}" if file and line else None


def _reason(detail: str) -> str:
    """Shorten the report of a failed command: how it ended and its last lines, not the whole script."""
    match = _COMMAND.match(detail)
    if not match:
        return detail
    lines = match["output"].strip().splitlines()[-_LAST_LINES:]
    said = "\n".join(["Its last lines:", *lines]) if lines else "It printed nothing."
    return f"The command of this resource ended with {match['status']}. {said}"


_HEAD = re.compile(r"^(Error|Warning): (.*)$")
_PLACE = re.compile(r"^\s*on (\S+) line (\d+)\b")


def read_text(text: str) -> list[dict[str, Any]]:
    """Read diagnostics that were printed as text; the same fields as in JSON."""
    found: list[dict[str, Any]] = []
    details: list[list[str]] = []
    for raw in text.splitlines():
        line = re.sub(r"^[│╷╵] ?", "", raw).rstrip()
        if head := _HEAD.match(line):
            found.append({"severity": head[1].lower(), "summary": head[2]})
            details.append([])
        elif found and (place := _PLACE.match(line)) and "range" not in found[-1]:
            found[-1]["range"] = {"filename": place[1], "start": {"line": int(place[2])}}
        elif found and not re.match(r"^\s*\d+:", line):
            details[-1].append(line)
    for item, lines in zip(found, details, strict=True):
        item["detail"] = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return found
