"""`conformance` on a real cluster without the profile: what docs/conformance.md lists fails, nothing else.

In a usual run `test_hardened.py` has it, with the profile.
"""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from kbootstrap.core import resources
from tests.e2e.day_two.names import DB_1, OTHERS, S1, S2, S3, SHOP_1, C, spec
from tests.e2e.lab import Lab

pytestmark = [pytest.mark.full, pytest.mark.ordered]
SPEC = spec(pools=OTHERS)
SERVERS, AGENTS = {S1, S2, S3}, {SHOP_1, DB_1}

SERVER_ERRORS = {"1.2.9", "1.2.16", "1.2.17", "1.2.18", "1.2.19", "1.2.30", "3.2.1", "5.2.1"}
"""Without the profile; Secrets of this cluster are encrypted (1.2.27, 1.2.28)."""
SERVER_WARNINGS = {"1.2.3", "1.2.11", "1.3.1"}
KUBELET_WARNINGS = {"4.2.12", "4.2.13", "4.2.14"}
OF_THIS_MACHINE = re.compile(r"host-(time|swap|updates|kernel-.*)")
"""Nodes are containers: these are facts of the machine that runs them."""
UNKNOWN = {"host-time", "host-updates"}
"""The image of local nodes has no package lists, and a container may have no time service."""


def audit(cluster: Lab, *names: str, code: int = 1) -> dict[str, Any]:
    """Return the report of the cluster, as its schema has it."""
    done = cluster.run("conformance", "spec.yaml", *names, "-o", "json", code=code)
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads((resources.schemas() / "report.json").read_text()))
    found: dict[str, Any] = document["clusters"][0]
    return found


def of(report: dict[str, Any], outcome: str, node: str) -> dict[str, dict[str, Any]]:
    """Return the results of a node with an outcome, by audit."""
    results = (one for one in report["results"] if one["object"]["name"] == node)
    return {one["id"]: one for one in results if one["outcome"] == outcome}


def test_the_failures_that_the_documentation_lists(cluster: Lab) -> None:
    report = audit(cluster)
    assert {one["object"]["name"] for one in report["results"]} == SERVERS | AGENTS
    for node in sorted(SERVERS | AGENTS):
        failed = of(report, "failed", node)
        own = {rule: one for rule, one in failed.items() if not OF_THIS_MACHINE.fullmatch(rule)}
        server = node in SERVERS
        errors = {rule for rule, one in own.items() if one["severity"] == "error"}
        assert errors == (SERVER_ERRORS if server else set()), node
        assert {*own} - errors == KUBELET_WARNINGS | (SERVER_WARNINGS if server else set()), node
        assert all(one["found"] and one["fix"] for one in failed.values())
        unknown = of(report, "unknown", node)
        assert {*unknown} <= UNKNOWN, [(rule, one["found"]) for rule, one in unknown.items()]
        assert of(report, "passed", node).keys() >= {"4.2.1", "4.1.5", "host-ssh-root", "host-ports"}
    assert of(report, "passed", S1).keys() >= {"1.2.1", "1.2.27", "1.2.28", "1.3.2", "1.4.1", "2.2", "2.7"}


def test_a_node_by_its_name(cluster: Lab) -> None:
    report = audit(cluster, SHOP_1, DB_1, code=1)
    assert {one["object"]["name"] for one in report["results"]} == AGENTS
    assert "no cluster or node 'nope'" in cluster.run("conformance", "spec.yaml", "nope", code=64).stderr


def test_changes_on_a_host_are_found_and_the_remedy_fits(cluster: Lab) -> None:
    file = "/var/lib/rancher/k3s/agent/kubelet.kubeconfig"
    cluster.on_node(SHOP_1, f"chmod 644 {file}")
    [found] = [one for rule, one in of(audit(cluster, SHOP_1), "failed", SHOP_1).items() if rule == "4.1.5"]
    assert found["found"] == f"{file} has mode 644"
    assert found["fix"] == f"Run `chmod 600 {file}`."
    cluster.on_node(SHOP_1, f"chmod 600 {file}")
    assert "4.1.5" in of(audit(cluster, SHOP_1), "passed", SHOP_1)


def test_a_service_that_does_not_run_is_unknown(cluster: Lab) -> None:
    cluster.on_node(SHOP_1, "systemctl stop k3s-agent")
    try:
        report = audit(cluster, SHOP_1)
    finally:
        cluster.on_node(SHOP_1, "systemctl start k3s-agent")
    cluster.run("apply", "-y", "spec.yaml")  # waits until its kubelet reports again
    unknown = of(report, "unknown", SHOP_1)
    assert unknown["4.2.1"]["found"].endswith("k3s-agent.service does not run")
    assert not {rule for rule in of(report, "passed", SHOP_1) if rule.startswith("4.2")}


def test_an_open_port_is_found(cluster: Lab) -> None:
    cluster.on_node(DB_1, "systemd-run --quiet --unit=open-port systemd-socket-activate -l 0.0.0.0:9999 cat")
    try:
        failed = of(audit(cluster, DB_1), "failed", DB_1)
    finally:
        cluster.on_node(DB_1, "systemctl stop open-port")
    assert failed["host-ports"]["found"] == "TCP 9999 (systemd-socket-)"


def test_other_forms(cluster: Lab) -> None:
    text = cluster.run("conformance", "spec.yaml", C, code=1).stdout
    assert "Set `kubernetes.profile: cis` in the spec of a new cluster." in text
    cluster.run("conformance", "spec.yaml", S1, "--detailed-exitcode", code=2)
    junit = cluster.run("conformance", "spec.yaml", S1, "-o", "junit", code=1).stdout
    assert len(ET.fromstring(junit).findall("testsuite/testcase/failure")) >= len(SERVER_ERRORS)  # noqa: S314
    cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
