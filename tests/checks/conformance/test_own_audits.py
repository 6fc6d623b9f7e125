"""Audits with functions of their own: what else they distinguish."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kbootstrap.checks.conformance.audited_node import audited_node
from kbootstrap.checks.conformance.judge import audit
from kbootstrap.checks.report import Outcome, Result
from kbootstrap.cluster.state.audit_facts import AuditFacts, Listener, PendingUpdates
from kbootstrap.distros import find
from kbootstrap.distros.additions import Additions
from kbootstrap.distros.requirements import Port
from tests.checks.conformance.samples import ADMISSION, NODE, POLICY, api, audited, encrypted, listening
from tests.distros.samples import cluster

PASSED, FAILED, UNKNOWN = Outcome.PASSED, Outcome.FAILED, Outcome.UNKNOWN
DAY = 86400


def result(rule: str, facts: AuditFacts) -> Result:
    [found] = [one for one in audit(facts, audited()) if one.rule.id == rule]
    return found


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        (api(), FAILED),
        (encrypted("secretbox"), PASSED),
        (encrypted("aesgcm"), FAILED),
        (encrypted(), UNKNOWN),
        (replace(encrypted("aescbc"), unread={"encryption": "/e.json cannot be read"}), UNKNOWN),
    ],
)
def test_encryption(facts: AuditFacts, outcome: Outcome) -> None:
    assert result("1.2.28", facts).outcome is outcome


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("rules: [{level: None}, {level: Request}]", PASSED),
        ("rules: [{level: None}]", FAILED),
        ("rules: []", FAILED),
        ("rules: [odd]", FAILED),
        ("{}", FAILED),
        ("rules: [", UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_audit_policy(text: str | None, outcome: Outcome) -> None:
    texts = [(POLICY, text)] if text is not None else []
    assert result("3.2.1", api(*texts, audit_policy_file=POLICY)).outcome is outcome


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("plugins: [{name: PodSecurity, configuration: {defaults: {enforce: baseline}}}]", PASSED),
        ("plugins: [{name: EventRateLimit, configuration: {defaults: {enforce: baseline}}}]", FAILED),
        ("plugins: [{name: PodSecurity, configuration: {}}]", FAILED),
        ("plugins: [{name: PodSecurity, path: /etc/other.yaml}]", UNKNOWN),
        ("plugins: [odd]", FAILED),
        ("kind: AdmissionConfiguration", FAILED),
        (None, UNKNOWN),
    ],
)
def test_pod_security(text: str | None, outcome: Outcome) -> None:
    texts = [(ADMISSION, text)] if text is not None else []
    assert result("5.2.1", api(*texts, admission_control_config_file=ADMISSION)).outcome is outcome
    assert result("5.2.1", api()).outcome is FAILED


def test_updates() -> None:
    many = AuditFacts(NODE, updates=PendingUpdates(0, tuple("abcdefg")))
    assert result("host-updates", many).found == "7 pending: a, b, c, d, e and 2 more"
    old = AuditFacts(NODE, updates=PendingUpdates(9 * DAY))
    assert result("host-updates", old).outcome is UNKNOWN
    assert "9 days old" in result("host-updates", old).found
    known = replace(old, updates=PendingUpdates(9 * DAY, ("openssl",)))
    assert result("host-updates", known).outcome is FAILED, "an update that is known does not go away"


@pytest.mark.parametrize(
    ("sockets", "outcome"),
    [
        ([Listener("TCP", 2379, ""), Listener("UDP", 8472, "")], PASSED),
        ([Listener("UDP", 68, "dhclient"), Listener("UDP", 45678, "systemd-resolve")], PASSED),
        ([Listener("UDP", 111, "rpcbind")], FAILED),
        ([Listener("TCP", 45678, "rpc.statd")], FAILED),
        ([Listener("UDP", 6443, "")], FAILED),
    ],
)
def test_ports(sockets: list[Listener], outcome: Outcome) -> None:
    assert result("host-ports", listening(*sockets)).outcome is outcome


def test_ports_that_are_not_expected_are_named() -> None:
    facts = listening(
        Listener("TCP", 9100, ""), Listener("TCP", 22, "sshd"), Listener("TCP", 80, "nginx"), port="2222"
    )
    found = result("host-ports", facts)
    assert found.found == "TCP 22 (sshd), TCP 80 (nginx), TCP 9100 (program unknown)"
    silent = replace(facts, sshd={}, unread={"sshd": "no host keys"})
    assert result("host-ports", silent).found == "the port of sshd is not known: no host keys"


def test_ports_of_additions_are_expected() -> None:
    added = Additions(ports=(Port(9808, "TCP", "self", "health checks"),))
    about = audited_node(find("k3s"), "agent", cluster().kubernetes, added)
    facts = listening(Listener("TCP", 9808, "livenessprobe"))
    [found] = [one for one in audit(facts, about) if one.rule.id == "host-ports"]
    assert found.outcome is PASSED
