from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from kbootstrap.core.diagnostics import Diagnostic, Span
from kbootstrap.views.diagnostics import diagnostics_json, show_diagnostics, totals

from .conftest import Show, shown
from .samples import DIAGNOSTICS


def test_golden(in_all_widths: Callable[[str, Show], None]) -> None:
    in_all_widths("diagnostics", lambda stream, env: show_diagnostics(DIAGNOSTICS, stream, env))


def test_json() -> None:
    document = json.loads(diagnostics_json(DIAGNOSTICS))
    assert (document["version"], document["errors"], document["warnings"]) == (1, 6, 1)
    first = document["diagnostics"][0]
    assert first["span"] == {"path": "specs/dev.yaml", "line": 12, "column": 71, "end_column": 82}
    assert first["related"][0]["label"] == "the control plane's subnet"


def test_nothing_to_say() -> None:
    assert shown(lambda stream, env: show_diagnostics((), stream, env)) == ""


def test_totals() -> None:
    assert totals(DIAGNOSTICS) == "6 errors, 1 warning"
    assert totals(DIAGNOSTICS[:1]) == "1 error"
    assert totals(DIAGNOSTICS[3:4]) == "1 warning"


def test_many_problems_do_not_hide_the_first() -> None:
    text = shown(lambda stream, env: show_diagnostics(DIAGNOSTICS * 20, stream, env))
    assert text.startswith("error[KB0203]")
    assert "and 90 more" in text
    assert text.endswith("120 errors, 20 warnings; nothing was changed\n")


@given(
    st.text(max_size=300), st.integers(-2, 400), st.integers(-2, 400), st.sampled_from(["20", "80", "200"])
)
def test_any_line_fits(line: str, column: int, end: int, width: str) -> None:
    problem = Diagnostic("KB0101", "r", span=Span("a", 1, column, end, line), label="here", summary="s")
    text = shown(lambda stream, env: show_diagnostics([problem], stream, env, changed=None), COLUMNS=width)
    assert "\x1b" not in text
    if line.strip():
        assert "^" in text
