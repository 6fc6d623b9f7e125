"""Plans that are saved and carried out, and the first apply, which is one; in the order of the file."""

from __future__ import annotations

import json

import jsonschema
import pytest

from kbootstrap.core import resources
from tests.e2e.lab import Lab
from tests.e2e.newcomer.names import AGENT, SERVER, VERSION, labelled, plain

pytestmark = [pytest.mark.ordered]
SPEC = plain
NODE_FILE = "/etc/rancher/k3s/config.yaml.d/20-kbootstrap-node.yaml"


def test_a_plan_of_another_spec_is_not_carried_out(cluster: Lab) -> None:
    code, _, said = (cluster.folder / "refused.err").read_text().partition("\n")
    assert code == "1"
    assert "KB0421" in said
    assert "the spec changed" in said
    assert "nothing was changed" in said


def test_the_first_plan_is_carried_out_without_a_question(cluster: Lab) -> None:
    assert (cluster.folder / "first.plan").stat().st_mode & 0o777 == 0o600
    assert cluster.ready_nodes() == {SERVER, AGENT}
    cluster.run("plan", "--detailed-exitcode", "spec.yaml", code=0)


def test_events_are_json_lines(cluster: Lab) -> None:
    beside = [json.loads(line) for line in (cluster.folder / "events.jsonl").read_text().splitlines()]
    assert {event["version"] for event in beside} == {1}
    assert (beside[-1]["type"], beside[-1]["status"]) == ("result", "done")
    assert any(event.get("node") == AGENT for event in beside)


def test_a_plan_is_carried_out_once(cluster: Lab) -> None:
    done = cluster.run("apply", "first.plan", code=1)
    assert "another run applied changes since" in " ".join(done.stderr.replace("│", " ").split())


def test_json_is_one_document_of_the_schema(cluster: Lab) -> None:
    cluster.spec(labelled((cluster.folder / "spec.yaml").read_text(), "team: ops"))
    data = json.loads(cluster.run("plan", "-o", "json", "spec.yaml").stdout)
    schema = json.loads((resources.schemas() / "plan.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(data)
    (node,) = (one for one in data["clusters"][0]["nodes"] if one["node"] == SERVER)
    assert "+  - team=ops" in node["steps"][0]["diff"]
    assert data["clusters"][0]["before"]["kubernetes"] == [VERSION]


@pytest.mark.full
def test_a_node_that_does_not_answer_is_reported(cluster: Lab) -> None:
    """Another host key would stop it; silence does not: what is known is shown, and no more."""
    cluster.on_node(SERVER, "systemctl stop ssh.socket ssh.service; pkill -x sshd; true")
    try:
        planned = cluster.run("plan", "-o", "json", "--out", "blind.plan", "spec.yaml", code=7)
    finally:
        cluster.on_node(SERVER, "systemctl start ssh.service")
    (seen,) = json.loads(planned.stdout)["clusters"]
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
    assert said.startswith("<!-- kbootstrap plan: dev -->")
    assert "-# by hand" in said
    cluster.run("apply", "label.plan")
    assert cluster.get("node", SERVER)["metadata"]["labels"]["team"] == "ops"
    cluster.run("plan", "--detailed-exitcode", "spec.yaml", code=0)
