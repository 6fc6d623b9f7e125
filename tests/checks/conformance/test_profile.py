"""What fails on a server without the profile, and with it: as `docs/conformance.md` lists it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap import distros
from kbootstrap.checks.conformance.audited_node import ENCRYPTION, PROFILE
from kbootstrap.checks.conformance.catalogue import audits
from kbootstrap.checks.conformance.judge import audit
from kbootstrap.checks.report import Outcome
from kbootstrap.core.diagnostics import Severity
from tests.checks.conformance.samples import BY_KUBELET, LINUX, Profile, audited, server

PAGE = Path(__file__).parents[3] / "docs" / "conformance.md"
NAMES = distros.names()
WITHOUT, WITH = "What fails without the profile", "What fails with the profile"


def failures(name: str, profile: Profile) -> dict[str, Severity]:
    results = list(audit(server(name, profile), audited(name, profile=profile)))
    assert [(one.rule.id, one.found) for one in results if one.outcome is Outcome.UNKNOWN] == []
    return {one.rule.id: one.rule.severity for one in results if one.outcome is Outcome.FAILED}


def listed(heading: str, name: str) -> dict[str, str]:
    """Return the audits in the table of a section, with their severities: those that a distribution fails."""
    section = PAGE.read_text("utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    head, _, *rows = (
        [cell.strip() for cell in row.split("|")[1:-1]] for row in re.findall(r"^\|.*", section, re.MULTILINE)
    )
    column = [cell.lower() for cell in head].index(name)
    return {row[0].strip("`"): row[1] for row in rows if row[column]}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("profile", "heading"), [(None, WITHOUT), ("cis", WITH)])
def test_the_documentation_lists_what_fails(name: str, profile: Profile, heading: str) -> None:
    found = {rule: severity.value for rule, severity in failures(name, profile).items()}
    assert found == listed(heading, name)


@pytest.mark.parametrize("name", NAMES)
def test_the_profile_leaves_warnings_only(name: str) -> None:
    assert {*failures(name, "cis").values()} == {Severity.WARNING}


def test_the_data_names_what_the_profile_sets() -> None:
    """An audit whose remedy is a key of the spec fails without it somewhere, and passes with it."""
    named = {one.rule.id for one in audits() if one.spec in (PROFILE, ENCRYPTION)}
    failed: set[str] = set()
    for name in NAMES:
        with_it, without = failures(name, "cis"), failures(name, None)
        assert without.keys() - with_it.keys() <= named
        assert not with_it.keys() & named
        failed |= without.keys()
    kernel = {one.rule.id for one in audits() if one.rule.id in named - failed}
    assert kernel == {one.rule.id for one in audits() if getattr(one.reading, "name", "") in BY_KUBELET}


@pytest.mark.parametrize("name", NAMES)
def test_a_kubelet_that_changes_no_kernel_settings_finds_them(name: str) -> None:
    """With the profile, the unit has set them; without both they would be found."""
    facts, about = server(name, "cis"), audited(name, profile="cis")
    assert {key: facts.kernel[key] for key in BY_KUBELET} == BY_KUBELET
    bare = audit(replace(facts, kernel=LINUX), about)
    failed = {
        one.rule.id for one in bare if one.outcome is Outcome.FAILED and one.rule.id.startswith("host-")
    }
    assert len(failed) == len(BY_KUBELET)
