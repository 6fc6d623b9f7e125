"""What is reported of a failed command, and what is omitted."""

from __future__ import annotations

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.core.errors import TofuFailed
from kbootstrap.core.hints import hint
from kbootstrap.core.redact import Redactor
from kbootstrap.render.provenance import Provenance
from kbootstrap.tofu.failure import failure, with_faults

HINTS = (hint("no valid host", "KB0519", "Another flavor may help."),)
NODE = 'module.pool_web.openstack_compute_instance_v2.node["prod-web-1"]'


def test_deprecations_in_our_modules_are_not_reported() -> None:
    found = [
        {"severity": "warning", "summary": "Deprecated Resource", "detail": "Use another one."},
        {"severity": "warning", "summary": "Something odd", "detail": "Look."},
        {"severity": "error", "summary": "Broken", "detail": "It broke."},
    ]
    error = failure("it failed", found, 1, "", Provenance({}, {}, None), Redactor())
    assert [d.summary for d in error.diagnostics] == ["Something odd", "Broken"]


def test_the_infrastructure_says_why_a_machine_could_not_be_made() -> None:
    vague = Diagnostic("KB0501", f"last error: nil\nResource: {NODE}", summary="Error waiting")
    other = Diagnostic("KB0501", "Resource: module.network.x", summary="Other")
    error = TofuFailed("it failed", code="KB0501", diagnostics=(vague, other))
    result = with_faults(error, {"prod-web-1": "No valid host was found."}, HINTS)
    assert isinstance(result, TofuFailed)
    assert result.code == "KB0519"
    assert result.diagnostics[0] == Diagnostic(
        "KB0519",
        f"No valid host was found.\nResource: {NODE}",
        "Another flavor may help.",
        summary="Machine prod-web-1 could not be created",
    )
    assert result.diagnostics[1] == other


def test_a_failure_without_diagnostics_stays_what_it_is() -> None:
    error = TofuFailed("it crashed", code="KB0501")
    assert with_faults(error, {"prod-web-1": "No valid host was found."}, HINTS) is error
