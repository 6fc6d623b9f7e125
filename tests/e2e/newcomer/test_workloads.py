"""`check workloads` on a real cluster, and the example of the documentation with its autoscaler."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from kbootstrap.core import resources
from tests.e2e.lab import CHECKOUT, Lab, wait_for
from tests.e2e.newcomer.names import renamed
from tests.e2e.workloads import BOX

pytestmark = [pytest.mark.ordered]
SPEC = renamed
IMAGE = "          image: registry.example.com/web:1.4.2\n"
WEB = f"""\
          image: {BOX}
          imagePullPolicy: Never
          command: ["sh", "-c", "mkdir /www && hostname > /www/index.html && exec httpd -f -p 8080 -h /www"]
"""
BAD = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: lonely}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: lonely}}}}
  template:
    metadata: {{labels: {{app: lonely}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: box
          image: {BOX}
          imagePullPolicy: Never
          command: ["sleep", "100000"]
          volumeMounts: [{{name: scratch, mountPath: /scratch}}]
      volumes: [{{name: scratch, emptyDir: {{}}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: lonely}}
spec: {{minAvailable: 1, selector: {{matchLabels: {{app: lonely}}}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: by-hand}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{{name: box, image: {BOX}, imagePullPolicy: Never, command: ["sleep", "100000"]}}]
"""


@pytest.fixture(scope="module", autouse=True)
def namespaces(cluster: Lab, chapter: None) -> Iterator[None]:
    """Two namespaces: one with faults, one with the example."""
    del chapter
    example = (CHECKOUT / "docs" / "examples" / "web.yaml").read_text("utf-8")
    assert IMAGE in example
    for name, text in (("bad", BAD), ("good", example.replace(IMAGE, WEB))):
        cluster.namespace(name)
        cluster.kubectl("-n", name, "apply", "-f", "-", stdin=text)
    cluster.kubectl("-n", "bad", "rollout", "status", "deployment/lonely", "--timeout=280s")
    cluster.kubectl("-n", "good", "rollout", "status", "deployment/web", "--timeout=280s")
    yield
    # Pods that end take half a minute; no later module asks for them.
    cluster.kubectl("delete", "namespace", "bad", "good", "--wait=false")


def check(cluster: Lab, *words: str, code: int = 0) -> dict[str, Any]:
    """Return the report of the cluster, as its schema has it."""
    done = cluster.run("check", "workloads", *words, "-o", "json", "spec.yaml", code=code)
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads((resources.schemas() / "report.json").read_text()))
    found: dict[str, Any] = document["clusters"][0]
    return found


def failed(report: dict[str, Any]) -> set[tuple[str, str]]:
    """Return rule and object of what failed."""
    bad = [one for one in report["results"] if one["outcome"] == "failed"]
    return {(one["id"], f"{one['object']['kind']}/{one['object']['name']}") for one in bad}


def test_faults_are_found(cluster: Lab) -> None:
    report = check(cluster, "-n", "bad", "--detailed-exitcode", code=2)
    assert failed(report) == {
        ("single-replica", "Deployment/lonely"),
        ("no-requests", "Deployment/lonely"),
        ("blocking-budget", "PodDisruptionBudget/lonely"),
        ("local-storage", "Deployment/lonely"),
        ("no-controller", "Pod/by-hand"),
    }
    assert report["counts"]["unknown"] == 0
    text = cluster.run("check", "workloads", "-n", "bad", "spec.yaml", code=1).stdout
    assert "minAvailable is 1, and it selects 1 pod" in text
    junit = cluster.run("check", "workloads", "-n", "bad", "-o", "junit", "spec.yaml", code=1).stdout
    assert len(ET.fromstring(junit).findall("testsuite/testcase/failure")) == 5  # noqa: S314 - our own


def test_what_is_fixed_is_found_no_more(cluster: Lab) -> None:
    """The keys of the report, as they are: they are patches."""
    report = check(cluster, "-n", "bad", code=1)
    [fix] = [one for one in report["results"] if one["id"] == "single-replica"]
    cluster.kubectl("-n", "bad", "patch", "deployment", "lonely", "--patch", fix["example"])
    found = failed(check(cluster, "-n", "bad", code=1))
    assert ("single-replica", "Deployment/lonely") not in found
    assert ("blocking-budget", "PodDisruptionBudget/lonely") not in found
    assert ("no-spread", "Deployment/lonely") in found


def test_the_autoscaler_of_the_example_reads_metrics(cluster: Lab) -> None:
    def reads() -> bool:
        """Return whether it does; at first there is neither a condition nor a metric."""
        status = cluster.get("hpa", "web", "-n", "good").get("status", {})
        active = any(
            (one["type"], one["status"]) == ("ScalingActive", "True")
            for one in status.get("conditions") or ()
        )
        current = [
            one["resource"]["current"] for one in status.get("currentMetrics") or () if "resource" in one
        ]
        return active and any("averageUtilization" in one for one in current)

    wait_for("the autoscaler reads the use of CPU", reads, every=3)
    assert cluster.get("deployment", "web", "-n", "good")["spec"]["replicas"] >= 2
    report = check(cluster, "-n", "good", "--fail-on", "warning")
    assert report["counts"]["failed"] == report["counts"]["unknown"] == 0
    assert report["counts"]["passed"] >= 6


def test_the_replicas_of_the_example_are_on_two_nodes(cluster: Lab) -> None:
    def spread() -> bool:
        pods = cluster.get("pods", "-n", "good", "-l", "app=web")["items"]
        return len({pod["spec"].get("nodeName", "") for pod in pods} - {""}) >= 2

    wait_for("pods on two nodes", spread)


def test_namespaces(cluster: Lab) -> None:
    refused = cluster.run("check", "workloads", "-n", "nope", "spec.yaml", code=64).stderr
    assert "KB0865" in refused
    own = {one["object"]["namespace"] for one in check(cluster, code=1)["results"]}
    assert own >= {"bad", "good"}
    assert "kube-system" not in own
    everything = {one["object"]["namespace"] for one in check(cluster, "--all", code=1)["results"]}
    assert "kube-system" in everything
