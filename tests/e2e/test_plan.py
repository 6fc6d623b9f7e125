"""Plans that are saved and carried out, on a real cluster of one node; in the order of the file."""

from __future__ import annotations

import json
from collections.abc import Iterator

import jsonschema
import pytest

from kbootstrap.core import resources
from tests.e2e.lab import Lab, leftovers

pytestmark = [pytest.mark.timeout(600)]
CLUSTER = "e2eplan"
SERVER = f"{CLUSTER}-control-plane-1"
NODE_FILE = "/etc/rancher/k3s/config.yaml.d/20-kbootstrap-node.yaml"
SPEC = f"""\
apiVersion: kbootstrap/v1alpha1
name: e2eplan
clusters:
  {CLUSTER}:
    provider: {{local: {{}}}}
    kubernetes: {{distribution: k3s, version: v1.32.0+k3s1}}
    control_plane: {{nodes: 1}}
    pools: []
"""
LABELLED = SPEC.replace("{nodes: 1}", "{nodes: 1, labels: {team: ops}}")


@pytest.fixture(scope="module")
def cluster(shared_lab: Lab) -> Iterator[Lab]:
    """A folder with a saved first plan of a cluster that does not exist yet."""
    lab = shared_lab
    lab.spec(SPEC)
    try:
        lab.run("plan", "--out", "first.plan", "spec.yaml")
        yield lab
    finally:
        lab.spec(SPEC)
        lab.run("destroy", "-y", "spec.yaml")
    assert leftovers("e2eplan", CLUSTER) == []


def test_a_plan_of_another_spec_is_not_carried_out(cluster: Lab) -> None:
    cluster.spec(LABELLED)
    done = cluster.run("apply", "first.plan", code=1)
    assert "KB0421" in done.stderr
    assert "the spec changed" in done.stderr
    assert "nothing was changed" in done.stderr
    cluster.spec(SPEC)


def test_the_first_plan_is_carried_out_without_a_question(cluster: Lab) -> None:
    assert (cluster.folder / "first.plan").stat().st_mode & 0o777 == 0o600
    cluster.run("apply", "first.plan")
    assert cluster.ready_nodes() == {SERVER}
    cluster.run("plan", "--detailed-exitcode", "spec.yaml", code=0)


def test_a_plan_is_carried_out_once(cluster: Lab) -> None:
    done = cluster.run("apply", "first.plan", code=1)
    assert "something was applied since" in done.stderr


def test_json_is_one_document_of_the_schema(cluster: Lab) -> None:
    cluster.spec(LABELLED)
    data = json.loads(cluster.run("plan", "-o", "json", "spec.yaml").stdout)
    schema = json.loads((resources.schemas() / "plan.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(data)
    (node,) = data["clusters"][0]["nodes"]
    assert "+  - team=ops" in node["steps"][0]["diff"]
    assert data["clusters"][0]["before"]["kubernetes"] == ["v1.32.0+k3s1"]


def test_a_node_that_does_not_answer_is_told(cluster: Lab) -> None:
    """Another host key would stop it; silence does not: what is known is shown, and no more."""
    cluster.on_node(SERVER, "systemctl stop ssh.socket ssh.service; pkill -x sshd; true")
    try:
        told = cluster.run("plan", "-o", "json", "--out", "blind.plan", "spec.yaml", code=7, timeout=200)
    finally:
        cluster.on_node(SERVER, "systemctl start ssh.service")
    (seen,) = json.loads(told.stdout)["clusters"]
    assert (seen["nodes_known"], seen["nodes"], seen["empty"]) == (False, [], False)
    assert SERVER in seen["nodes_unseen"]
    assert not (cluster.folder / "blind.plan").exists()


def test_a_node_that_changed_stops_it(cluster: Lab) -> None:
    cluster.run("plan", "--out", "label.plan", "spec.yaml")
    cluster.on_node(SERVER, f"echo '# by hand' >> {NODE_FILE}")
    done = cluster.run("apply", "label.plan", code=1)
    assert f"node {SERVER} has other facts" in done.stderr


def test_the_new_plan_is_carried_out(cluster: Lab) -> None:
    said = cluster.run("plan", "--out", "label.plan", "-o", "markdown", "spec.yaml").stdout
    assert said.startswith("<!-- kbootstrap plan: e2eplan -->")
    assert "-# by hand" in said
    cluster.run("apply", "label.plan")
    assert cluster.get("node", SERVER)["metadata"]["labels"]["team"] == "ops"
    cluster.run("plan", "--detailed-exitcode", "spec.yaml", code=0)
