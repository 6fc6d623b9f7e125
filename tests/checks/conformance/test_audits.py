"""Every audit of the data passes, fails and is unknown, with every distribution that it is about."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from importlib.resources import files

import pytest

from kbootstrap import distros
from kbootstrap.checks import conformance
from kbootstrap.checks.conformance import judge
from kbootstrap.checks.conformance.audit import Audit, FileReading, OwnReading
from kbootstrap.checks.conformance.audited_node import ENCRYPTION, PROFILE, AuditedNode
from kbootstrap.checks.conformance.catalogue import PARTS, audits
from kbootstrap.checks.conformance.own_audits import JUDGES
from kbootstrap.checks.report import Outcome, Result
from kbootstrap.cluster.state.audit_facts import AuditFacts, FileFacts
from tests.checks.conformance.samples import audited, failing, passing, unread

NODES = {f"{name}-{role}": audited(name, role) for name in distros.names() for role in ("server", "agent")}
CASES = [
    pytest.param(one, about, id=f"{one.rule.id}-{where}")
    for one in audits()
    for where, about in NODES.items()
    if about.applies(one)
]


def result(one: Audit, facts: AuditFacts, about: AuditedNode) -> Result:
    [found] = [found for found in judge.audit(facts, about) if found.rule is one.rule]
    return found


@pytest.mark.parametrize(("one", "about"), CASES)
def test_it_passes(one: Audit, about: AuditedNode) -> None:
    found = result(one, passing(one, about), about)
    assert (found.outcome, found.found, found.fix) == (Outcome.PASSED, "", "")


@pytest.mark.parametrize(("one", "about"), CASES)
def test_it_fails_and_says_what_to_change(one: Audit, about: AuditedNode) -> None:
    found = result(one, failing(one, about), about)
    assert found.outcome is Outcome.FAILED
    assert found.found
    assert found.fix.endswith(".")
    assert not set("{}") & {*found.fix}
    assert "``" not in found.fix
    assert (f"`{one.spec}`" in found.fix) == bool(one.spec)
    if not isinstance(one.reading, OwnReading) and not one.fix:
        assert re.search("([Aa]dd|[Rr]un|remove|[Ww]rite) `", found.fix)


@pytest.mark.parametrize(("one", "about"), CASES)
def test_it_is_unknown_where_nothing_could_be_read(one: Audit, about: AuditedNode) -> None:
    for facts in (unread(about), AuditFacts("n1")):
        if isinstance(one.reading, FileReading) and one.reading.optional and not facts.unread:
            assert one.rule not in [found.rule for found in judge.audit(facts, about)], "it may not be there"
        else:
            found = result(one, facts, about)
            assert found.outcome is Outcome.UNKNOWN
            assert found.found


def test_nothing_passes_on_a_node_that_says_nothing() -> None:
    for about in NODES.values():
        facts = unread(about)
        assert {found.outcome for found in judge.audit(facts, about)} == {Outcome.UNKNOWN}


def test_a_setting_of_the_spec_that_is_there_already() -> None:
    [one] = [one for one in audits() if one.rule.id == "1.2.9"]
    about = audited(profile="cis")
    assert about.chosen == {PROFILE, ENCRYPTION}
    assert result(one, failing(one, about), about).fix.startswith(f"The spec has `{PROFILE}`")


def test_the_data() -> None:
    ids = [one.rule.id for one in audits()]
    assert len(ids) == len(set(ids))
    assert {one.spec for one in audits()} == {"", PROFILE, ENCRYPTION}
    assert {one.reading.name for one in audits() if isinstance(one.reading, OwnReading)} == {*JUDGES}
    for one in audits():
        assert not one.rule.title.endswith(".")
        assert one.rule.means.endswith((".", ")."))
        assert one.fix or not isinstance(one.reading, OwnReading)
        assert (one.expected is None) == isinstance(one.reading, FileReading | OwnReading)


KEYS = {
    *("id", "title", "means", "severity", "roles", "spec", "usual", "value", "fix", "pods", "expect"),
    *("argument", "etcd", "files", "kernel", "sshd", "own"),
}
INNER = {
    "argument": {"of", "name", "names", "key", "keys", "default"},
    "etcd": {"keys", "default"},
    "files": {"paths", "mode", "owner", "etcd", "optional"},
}


@pytest.mark.parametrize("part", PARTS)
def test_there_are_no_other_keys(part: str) -> None:
    text = files(conformance).joinpath("audits", f"{part}.toml").read_text("utf-8")
    for raw in tomllib.loads(text)["audit"]:
        assert {*raw} <= KEYS
        for key, known in INNER.items():
            assert {*raw.get(key, ())} <= known


def test_static_pods_are_audited_where_there_are_any() -> None:
    pods = {one.rule.id for one in audits() if one.pods}
    assert pods == {*(f"1.1.{number}" for number in range(1, 9)), "1.1.12"}
    for name in distros.names():
        about = audited(name)
        assert {one.rule.id for one in audits() if about.applies(one)} >= pods or not about.sources.pods


def test_a_node_that_does_not_answer() -> None:
    found = judge.silent("n2", "no route")
    assert (found.outcome, found.found, f"{found.subject}") == (Outcome.UNKNOWN, "no route", "Node n2")


def test_certificates_that_belong_to_etcd() -> None:
    """The profile of RKE2 gives etcd's own ones to the user under which it runs, and no others."""
    [one] = [one for one in audits() if one.rule.id == "1.1.19"]
    about = NODES["rke2-server"]
    facts, folder = passing(one, about), about.path("{server}/tls")
    for place, owner, outcome in (
        ("etcd", "etcd:etcd", Outcome.PASSED),
        ("etcd/server-ca.key", "etcd:etcd", Outcome.PASSED),
        ("etcd/server-ca.key", "etcd:root", Outcome.FAILED),
        ("etcd-ca.key", "etcd:etcd", Outcome.FAILED),
        ("server-ca.key", "etcd:etcd", Outcome.FAILED),
    ):
        file = FileFacts(f"{folder}/{place}", 0o600, owner)
        found = result(one, replace(facts, files={**facts.files, f"{folder}/*": (file,)}), about)
        assert found.outcome is outcome, (place, owner)


def test_one_of_several_files_is_enough_to_fail() -> None:
    [one] = [one for one in audits() if one.rule.id == "1.1.21"]
    about = audited()
    facts, wrong = passing(one, about), failing(one, about)
    first, second = about.paths(("{server}/tls/*.key", "{server}/tls/etcd/*.key"))
    mixed = replace(facts, files={first: facts.files[first] * 3, second: wrong.files[second] * 4})
    found = result(one, mixed, about)
    assert found.found == "/one has mode 677, /one has mode 677 and 2 more"
    assert found.fix == f"Run `chmod 600 {first} {second}`."
    partly = replace(facts, files={first: facts.files[first]})
    assert result(one, partly, about).outcome is Outcome.UNKNOWN
