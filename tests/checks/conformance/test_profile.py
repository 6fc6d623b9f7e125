"""What fails on a k3s server without the profile, and with it: as `docs/conformance.md` lists it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kbootstrap.checks.conformance.audited_node import ENCRYPTION, PROFILE
from kbootstrap.checks.conformance.catalogue import audits
from kbootstrap.checks.conformance.judge import audit
from kbootstrap.checks.report import Outcome
from kbootstrap.core.diagnostics import Severity
from tests.checks.conformance.samples import Profile, audited, k3s_server

PAGE = Path(__file__).parents[3] / "docs" / "conformance.md"


def failures(profile: Profile) -> dict[str, Severity]:
    results = list(audit(k3s_server(profile), audited(profile=profile)))
    assert [(one.rule.id, one.found) for one in results if one.outcome is Outcome.UNKNOWN] == []
    return {one.rule.id: one.rule.severity for one in results if one.outcome is Outcome.FAILED}


def listed(heading: str) -> set[str]:
    """Return the audits in the table of a section."""
    section = PAGE.read_text("utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([\w.-]+)`", section, re.MULTILINE))


@pytest.mark.parametrize(
    ("profile", "heading"),
    [(None, "What fails without the profile"), ("cis", "What fails with the profile")],
)
def test_the_documentation_lists_what_fails(profile: Profile, heading: str) -> None:
    assert {*failures(profile)} == listed(heading)


def test_the_profile_leaves_warnings_only() -> None:
    assert {*failures("cis").values()} == {Severity.WARNING}


def test_the_data_names_what_the_profile_sets() -> None:
    """An audit whose remedy is a key of the spec fails without it, and passes with it."""
    with_it, without = failures("cis"), failures(None)
    named = {one.rule.id for one in audits() if one.spec in (PROFILE, ENCRYPTION)}
    assert without.keys() - with_it.keys() <= named
    assert not with_it.keys() & named
    assert {one for one in named if one not in without} == {
        *("1.1.12", "host-kernel-overcommit", "host-kernel-oom", "host-kernel-panic", "host-kernel-oops")
    }
