"""Every problem of a spec, as data: `cases/<name>.yaml` and beside it what is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.core.codes import all_codes
from kbootstrap.core.diagnostics import Diagnostic, Span
from kbootstrap.spec.load import load_text
from tests.conftest import Golden

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))


def show(diagnostic: Diagnostic) -> str:
    lines = [f"{place(diagnostic.span)} {diagnostic.code} {diagnostic.summary}"]
    if diagnostic.span:
        lines += [
            f"    | {diagnostic.span.text[:100]}",
            f"    | {marker(diagnostic.span)} {diagnostic.label}".rstrip(),
        ]
    lines += [f"    {diagnostic.reason}", f"    help: {diagnostic.help}"]
    lines += [f"    also {place(related.span)} {related.label}" for related in diagnostic.related]
    return "\n".join(lines)


def place(span: Span | None) -> str:
    return f"{span.line}:{span.column}" if span else "-"


def marker(span: Span) -> str:
    return " " * min(span.column - 1, 100) + "^" * min(max(span.end_column - span.column, 1), 100)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_case(case: Path, golden: Golden) -> None:
    loaded = load_text(case.read_text("utf-8"), Path("spec.yaml"))
    assert loaded.spec is None
    assert all(diagnostic.code in all_codes() for diagnostic in loaded.diagnostics)
    golden.check(case.with_suffix(".out"), "\n".join(show(d) for d in loaded.diagnostics) + "\n")
