"""Reports as text, JSON and JUnit XML."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from kbootstrap.checks.report import Outcome, Report, Reports, Result, Rule, Subject
from kbootstrap.checks.workloads.judge import judge
from kbootstrap.core import resources
from kbootstrap.core.diagnostics import Severity
from kbootstrap.views.report import show_reports
from kbootstrap.views.report_data import report_json, yaml_text
from kbootstrap.views.report_junit import report_junit
from tests.checks.workloads.samples import api, autoscaler, budget, deployment, namespace, pod

from .conftest import Show, shown
from .samples import NOW

SCHEMA = json.loads((resources.schemas() / "report.json").read_text(encoding="utf-8"))
EMPTY = {"name": "cache", "emptyDir": {}}
BAD = namespace(
    deployment("single", replicas=1, labels={"app": "single"}),
    deployment("web", containers=[{"name": "web"}], topologySpreadConstraints=[]),
    deployment("api", labels={"app": "api"}, topologySpreadConstraints=[]),
    budget(minAvailable=2),
    autoscaler("api", target="api", minReplicas=1),
    pod("by-hand", owner=None, volumes=[EMPTY]),
    refused={"PersistentVolume": 'persistentvolumes is forbidden: User "dev" cannot list them'},
)
GOOD = namespace(deployment(), budget(), autoscaler(), api(), name="other")
REPORTS = Reports(
    "workloads",
    "dev",
    (
        Report("production", judge([BAD, GOOD])),
        Report("staging", judge([GOOD])),
        Report("empty"),
        Report("lab", failure="no server of cluster lab returned its kubeconfig - look with status"),
    ),
    failed=7,
)


def test_golden(in_all_widths: Callable[[str, Show], None]) -> None:
    in_all_widths("report", lambda stream, env: show_reports(REPORTS, stream, env))


def test_warnings_alone_are_shown_but_pass() -> None:
    result = Result(Rule("r", "R", Severity.WARNING, "It may matter."), Subject("Node", "n1"), Outcome.FAILED)
    reports = Reports("workloads", "dev", (Report("a", (result,)),))
    text = shown(lambda stream, env: show_reports(reports, stream, env))
    assert text.startswith("✓ a  1 warning\n")
    strict = Reports("workloads", "dev", (Report("a", (result,)),), least=Severity.WARNING)
    assert shown(lambda stream, env: show_reports(strict, stream, env)).startswith("✗ a  1 warning\n")


def test_nodes_with_the_same_results_are_shown_together() -> None:
    rule = Rule("r", "R", Severity.ERROR, "It matters.")
    found = {"n1": "off", "n2": "on", "n3": "off"}
    results = [Result(rule, Subject("Node", name), Outcome.FAILED, said) for name, said in found.items()]
    reports = Reports("conformance", "dev", (Report("a", tuple(results)),))
    text = shown(lambda stream, env: show_reports(reports, stream, env))
    assert text.startswith("✗ a  3 errors\n  Node n1, n3\n    ✗ r  off\n  Node n2\n    ✗ r  on\n")


def test_json() -> None:
    document = json.loads(report_json(REPORTS, NOW))
    jsonschema.validate(document, SCHEMA)
    assert (document["check"], document["spec"], document["outcome"]) == ("workloads", "dev", "failed")
    assert [one["outcome"] for one in document["clusters"]] == ["failed", "passed", "passed", "unknown"]
    production = document["clusters"][0]
    assert sum(production["counts"].values()) == len(production["results"])
    by_id = {one["id"]: one for one in production["results"] if one["outcome"] != "passed"}
    assert by_id["single-replica"]["object"] == {"kind": "Deployment", "namespace": "shop", "name": "single"}
    assert YAML(typ="safe").load(by_id["single-replica"]["example"]) == {"spec": {"replicas": 2}}
    assert by_id["local-volume"]["outcome"] == "unknown"
    assert by_id["local-volume"]["object"]["name"] is None


@pytest.mark.parametrize("change", [{"version": 2}, {"kind": "status"}, {"more": 1}, {"outcome": "good"}])
def test_the_schema_refuses(change: Mapping[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(report_json(REPORTS, NOW)), **change}, SCHEMA)


def parsed(reports: Reports) -> ET.Element:
    return ET.fromstring(report_junit(reports))  # noqa: S314 - our own


def test_junit() -> None:
    root = parsed(REPORTS)
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["production", "staging", "empty", "lab"]
    for suite in suites.values():
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
        assert suite.get("errors") == str(len(suite.findall("testcase/error")))
    single = suites["production"].find("testcase[@classname='workloads.single-replica']/failure")
    assert single is not None
    assert (single.get("type"), single.get("message")) == ("error", "it has one replica")
    assert "replicas: 2" in (single.text or "")
    assert suites["lab"].find("testcase/error") is not None
    assert len(suites["staging"].findall("testcase/*")) == 0


def test_junit_of_what_a_machine_wrote() -> None:
    rule = Rule("r", "R", Severity.ERROR, "It matters.")
    result = Result(rule, Subject("Node", "n1"), Outcome.FAILED, 'a\x1b[31m\x00 <b> & "c"')
    root = parsed(Reports("workloads", "dev", (Report("a", (result,)),)))
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None
    assert failure.get("message") == 'a <b> & "c"'


values = st.recursive(
    st.text("abc01:-# '\"", max_size=8)
    | st.integers()
    | st.booleans()
    | st.sampled_from(["true", "1e3", "on"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/.", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text("ab/.", min_size=1, max_size=4), values, min_size=1, max_size=3))
def test_examples_are_yaml(value: dict[str, Any]) -> None:
    assert YAML(typ="safe", pure=True).load(yaml_text(value)) == value


def test_examples_have_no_anchors_and_keep_their_order() -> None:
    selector = {"matchLabels": {"b": "1", "a": "2"}}
    text = yaml_text({"spec": {"selector": selector, "again": [{"selector": selector}]}})
    assert "&" not in text
    assert text.index("b:") < text.index("a:")
