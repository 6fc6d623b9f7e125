"""Settings: expectations, defaults, configuration files, and what is shown of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kbootstrap.checks.conformance.expected import Expectation
from kbootstrap.checks.conformance.judge import audit
from kbootstrap.checks.report import Outcome, Result
from kbootstrap.cluster.state.audit_facts import Arguments, AuditFacts
from tests.checks.conformance.samples import NODE, api, audited

ABOUT = audited()
DROP_INS = "/var/lib/rancher/k3s/agent/etc/kubelet.conf.d"


def result(rule: str, facts: AuditFacts) -> Result:
    [found] = [one for one in audit(facts, ABOUT) if one.rule.id == rule]
    return found


def kubelet(arguments: Arguments, **texts: str) -> AuditFacts:
    paths = {f"{DROP_INS}/{name.strip('_')}.conf": text for name, text in texts.items()}
    return AuditFacts(NODE, arguments={"kubelet": arguments}, texts=paths)


@pytest.mark.parametrize(
    ("kind", "values", "found", "met"),
    [
        ("one_of", ["a", "b"], ["b"], True),
        ("one_of", ["a"], ["a", "b"], False),
        ("one_of", ["a"], None, False),
        ("not", ["0"], ["0"], False),
        ("not", ["0"], None, True),
        ("has", ["b"], ["a,b", "c"], True),
        ("has", ["b"], ["a, b"], True),
        ("has", ["b"], ["bc"], False),
        ("has", ["b"], None, False),
        ("lacks", ["b"], ["a", "b"], False),
        ("lacks", ["b"], None, True),
        ("set", [], ["x"], True),
        ("set", [], [""], False),
        ("set", [], None, False),
        ("unset", [], None, True),
        ("unset", [], [""], False),
        ("least", ["30"], ["30"], True),
        ("least", ["30"], ["29"], False),
        ("least", ["0"], ["-1"], False),
        ("least", ["30"], ["many"], False),
        ("least", ["30"], None, False),
        ("within", ["a", "b"], ["a"], True),
        ("within", ["a", "b"], ["a,c"], False),
        ("within", ["a", "b"], [""], False),
    ],
)
def test_expectations(kind: str, values: Sequence[str], found: Sequence[str] | None, met: bool) -> None:
    expected = Expectation.of(kind, values)
    assert expected.met(found) is met
    target = expected.target(found)
    if target:
        assert expected.met((target,))


def test_there_is_no_other_expectation() -> None:
    with pytest.raises(ValueError, match="no expectation 'is'"):
        Expectation.of("is", ())


def test_the_default_counts_where_nothing_is_set() -> None:
    found = result("1.2.1", api())
    assert found.found == "--anonymous-auth of kube-apiserver is not set; the default is true"
    assert found.fix == (
        "The distribution sets this unless it is overridden: remove `anonymous-auth` from "
        "`kube-apiserver-arg` in the files of /etc/rancher/k3s/config.yaml.d, and restart k3s.service, "
        "one server after the other."
    )
    assert result("1.2.21", api()).outcome is Outcome.PASSED


def test_a_list_is_extended() -> None:
    found = result("1.2.11", api(enable_admission_plugins="NodeRestriction,EventRateLimit"))
    assert found.found == "--enable-admission-plugins of kube-apiserver is NodeRestriction,EventRateLimit"
    assert found.fix == (
        "Add `enable-admission-plugins=NodeRestriction,EventRateLimit,AlwaysPullImages` to the list "
        "`kube-apiserver-arg+` in /etc/rancher/k3s/config.yaml.d/90-audit.yaml, and restart k3s.service, "
        "one server after the other."
    )


def test_a_value_in_the_spec_and_on_the_host() -> None:
    assert result("1.2.16", api()).fix == (
        "Set `kubernetes.profile: cis` in the spec of a new cluster. In an existing one, add "
        "`audit-log-path=/var/lib/rancher/k3s/server/logs/audit.log` to the list `kube-apiserver-arg+` in "
        "/etc/rancher/k3s/config.yaml.d/90-audit.yaml, and restart k3s.service, one server after the other."
    )


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        (kubelet({}, _00="podPidsLimit: 4096\n"), Outcome.PASSED),
        (kubelet({}, _00="podPidsLimit: 4096\n", _10="podPidsLimit: -1\n"), Outcome.FAILED),
        (kubelet({}, _00="podPidsLimit: -1\n", _10="podPidsLimit: 100\n"), Outcome.PASSED),
        (kubelet({"pod-max-pids": ("10",)}, _00="podPidsLimit: -1\n"), Outcome.PASSED),
        (kubelet({}), Outcome.FAILED),
        (kubelet({"config-dir": (DROP_INS,)}), Outcome.UNKNOWN),
        (kubelet({"config": ("/etc/kubelet.yaml",)}), Outcome.UNKNOWN),
        (kubelet({}, _00="- no map\n"), Outcome.UNKNOWN),
        (kubelet({}, _00="a: [\n"), Outcome.UNKNOWN),
        (kubelet({}, _00="podPidsLimit: 1\na: !!timestamp never\n"), Outcome.UNKNOWN),
    ],
)
def test_drop_ins_of_the_kubelet(facts: AuditFacts, outcome: Outcome) -> None:
    assert result("4.2.13", facts).outcome is outcome


def test_a_drop_in_that_could_not_be_read() -> None:
    facts = AuditFacts(
        NODE,
        arguments={"kubelet": {}},
        texts={f"{DROP_INS}/00.conf": "podPidsLimit: 10\n"},
        unread={f"{DROP_INS}/10.conf": "it is too long"},
    )
    assert result("4.2.13", facts).found == f"{DROP_INS}/10.conf could not be read: it is too long"


def test_maps_are_merged_and_lists_replaced() -> None:
    base = "authentication: {anonymous: {enabled: false}}\ntlsCipherSuites: [A]\n"
    cipher = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    over = f"authentication: {{webhook: {{enabled: true}}}}\ntlsCipherSuites: [{cipher}]\n"
    facts = kubelet({}, _00=base, _10=over)
    assert result("4.2.1", facts).outcome is Outcome.PASSED
    assert result("4.2.12", facts).outcome is Outcome.PASSED


def test_feature_gates_are_a_map() -> None:
    facts = kubelet({}, _00="featureGates: {RotateKubeletServerCertificate: false}\n")
    assert result("4.2.11", facts).outcome is Outcome.FAILED
    assert result("4.2.11", kubelet({}, _00="featureGates: {Other: false}\n")).outcome is Outcome.PASSED
