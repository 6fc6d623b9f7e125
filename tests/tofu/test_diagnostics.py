from __future__ import annotations

import pytest

from kbootstrap.core.diagnostics import Diagnostic, Severity, Span
from kbootstrap.core.redact import MASK, Redactor
from kbootstrap.render.hcl import Block, document
from kbootstrap.render.provenance import NOWHERE, Provenance
from kbootstrap.spec.source_map import SourceMap
from kbootstrap.tofu.diagnostics import read_text, translate

POOL = ("clusters", "dev", "pools", 0)
PROVENANCE = Provenance(
    {"module.pool_web": POOL},
    {"pool_web.tf": document(Block("module", "pool_web", body={"source": "x"}))},
    SourceMap({}, {POOL: Span("dev.yaml", 5, 9, 10)}),
)
OUTPUT = "\n".join(f"line {n}" for n in range(40)) + "\nhunter2-hunter2\n"


def one(**item: object) -> Diagnostic:
    redactor = Redactor()
    redactor.add("hunter2-hunter2")
    (found,) = translate([item, item], PROVENANCE, redactor)
    return found


def test_a_failed_command_shows_its_end_and_not_the_script() -> None:
    found = one(
        severity="error",
        summary="local-exec provisioner error",
        detail=f"Error running command 'set -e\necho it's': exit status 7. Output: {OUTPUT}",
        address='module.pool_web.terraform_data.node["dev-web-1"]',
    )
    assert (found.code, found.summary) == ("KB0508", "Command failed")
    assert found.span == Span("dev.yaml", 5, 9, 10)
    assert found.reason.startswith(
        "The command of this resource ended with exit status 7. Its last lines:\nline 21\n"
    )
    assert f"line 39\n{MASK}\n" in found.reason
    assert found.reason.endswith('Resource: module.pool_web.terraform_data.node["dev-web-1"]')
    assert "set -e" not in found.reason


def test_a_command_that_printed_nothing() -> None:
    detail = "Error running command 'x': signal: killed. Output: "
    assert (
        "signal: killed. It printed nothing."
        in one(severity="error", summary="provisioner error", detail=detail).reason
    )


def test_a_range_in_a_rendered_file_leads_to_the_spec() -> None:
    found = one(
        severity="error", summary="Bad.", detail="", range={"filename": "pool_web.tf", "start": {"line": 2}}
    )
    assert found.span == Span("dev.yaml", 5, 9, 10)
    assert found.summary == "Bad"


def test_a_range_elsewhere_is_reported() -> None:
    found = one(
        severity="error",
        summary="Bad",
        detail="d",
        range={"filename": "../modules/m/a.tf", "start": {"line": 2}},
    )
    assert found.span is None
    assert found.reason == "d\nAt: ../modules/m/a.tf:2"


def test_a_warning() -> None:
    found = one(severity="warning", summary="Deprecated quota exceeded")
    assert (found.severity, found.code, found.help) == (Severity.WARNING, "KB0515", "")


def test_fields_that_are_missing() -> None:
    assert one().reason == "unknown problem."
    assert translate([{"range": None, "detail": None}], NOWHERE, Redactor())[0].code == "KB0501"


BOXES = """\
Initializing the backend...
╷
│ Error: Unsupported backend type
│
│   on backend.tf line 2, in terraform:
│    2:   backend "no_such" {
│
│ There is no backend type named "no_such".
╵
╷
│ Warning: Old
╵
"""


@pytest.mark.parametrize(
    "text", [BOXES, BOXES.replace("│ ", "").replace("│", "").replace("╷", "").replace("╵", "")]
)
def test_diagnostics_printed_as_text(text: str) -> None:
    assert read_text(text) == [
        {
            "severity": "error",
            "summary": "Unsupported backend type",
            "range": {"filename": "backend.tf", "start": {"line": 2}},
            "detail": 'There is no backend type named "no_such".',
        },
        {"severity": "warning", "summary": "Old", "detail": ""},
    ]


def test_text_without_diagnostics() -> None:
    assert read_text("all\nis well") == []
