"""One small cluster from nothing to nothing, as a newcomer meets it; with each of OpenTofu and Terraform.

The tests run in the order of the file: the last one destroys the cluster.
"""

from __future__ import annotations

import json
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kbootstrap.core import resources
from tests.e2e.lab import Lab, engine, leftovers, wait_for
from tests.e2e.specs import small

pytestmark = [pytest.mark.timeout(600)]
CLUSTER = "e2elife"
SERVER, AGENT = f"{CLUSTER}-control-plane-1", f"{CLUSTER}-default-1"
POOL = "      - name: default\n        nodes: 1\n"


@pytest.fixture(scope="module")
def cluster(shared_lab: Lab) -> Iterator[Lab]:
    """A cluster of the spec that `init` prints."""
    lab = shared_lab
    text = lab.run("init", "--provider", "local").stdout.replace("  local:\n", f"  {CLUSTER}:\n", 1)
    spec = lab.spec(text)
    lab.run("validate", spec)
    try:
        done = lab.run("apply", "-y", "-o", "json", "--events", "events.jsonl", spec)
        (lab.folder / "applied.out").write_text(done.stdout)
        (lab.folder / "applied.err").write_text(done.stderr)
        yield lab
    finally:
        lab.run("destroy", "-y", spec)


def machines() -> set[str]:
    """The containers of the cluster: their IDs, and when each was started."""
    ids = [engine(), "ps", "--quiet", "--filter", f"label=kbootstrap.cluster={CLUSTER}"]
    found = subprocess.run(ids, capture_output=True, text=True, check=True).stdout.split()
    form = ("inspect", "--format", "{{.Id}} {{.State.StartedAt}}")
    return set(
        subprocess.run([engine(), *form, *found], capture_output=True, text=True, check=True).stdout.split(
            "\n"
        )
    )


def test_all_nodes_are_ready(cluster: Lab) -> None:
    assert cluster.ready_nodes() == {SERVER, AGENT}


def test_events_are_json_lines(cluster: Lab) -> None:
    beside = [json.loads(line) for line in (cluster.folder / "events.jsonl").read_text().splitlines()]
    assert {event["version"] for event in beside} == {1}
    assert (beside[-1]["type"], beside[-1]["status"]) == ("result", "done")
    assert any(event.get("node") == AGENT for event in beside)


def test_the_kubeconfig_is_private_and_current(cluster: Lab) -> None:
    own = cluster.folder / ".kbootstrap" / f"{CLUSTER}.run" / "kubeconfig"
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    assert cluster.kubectl("config", "current-context").strip() == f"kbootstrap-dev/{CLUSTER}"
    assert cluster.run("kubeconfig", "spec.yaml").stdout == own.read_text()


def test_a_second_apply_does_nothing(cluster: Lab) -> None:
    done = cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
    assert "nothing to do" in done.stderr.lower()


def test_ssh_runs_a_command(cluster: Lab) -> None:
    done = cluster.run("ssh", "spec.yaml", AGENT, "--", "cat", "/etc/hostname")
    assert done.stdout.strip() == AGENT
    assert cluster.run("ssh", "spec.yaml", AGENT, "--", "exit", "7", code=None).returncode == 7


def status(cluster: Lab, *words: str, code: int = 0) -> dict[str, Any]:
    """Return what `status` says of the cluster, as its schema has it."""
    document = json.loads(cluster.run("status", *words, "-o", "json", "spec.yaml", code=code).stdout)
    jsonschema.validate(document, json.loads((resources.schemas() / "status.json").read_text()))
    found: dict[str, Any] = document["clusters"][0]
    return found


def restarted(cluster: Lab) -> None:
    """Wait until nothing is pending: that a node was Ready before its restart does not count."""
    wait_for("all is well", lambda: cluster.run("status", "spec.yaml", code=None).returncode == 0, seconds=90)


def test_status_follows_what_changes_outside(cluster: Lab) -> None:
    """A file and a service are changed behind our back, seen while it is watched, and mended by apply."""
    good = status(cluster)
    assert [node["good"] for node in good["nodes"]] == [True, True]
    assert {node["certificates"]["leaf"]["days"] for node in good["nodes"]} == {364}
    assert all(node["certificates"]["authority"]["days"] > 3640 for node in good["nodes"])

    watching = cluster.start("status", "--watch", "--interval", "1", "-o", "json", "spec.yaml")
    seen = cluster.folder / "started.out"
    try:
        wait_for("the first look", lambda: "\n" in seen.read_text(), seconds=60)
        cluster.on_node(AGENT, "echo '# by hand' >> /etc/rancher/k3s/config.yaml; systemctl stop k3s-agent")
        wait_for("the change is seen", lambda: "it does not run" in seen.read_text(), seconds=60)
    finally:
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=60) == 130
    first, *_, last = (json.loads(line) for line in seen.read_text().splitlines())
    assert (first["good"], last["good"], last["pending"]) == (True, False, True)
    assert (cluster.folder / "started.err").read_text() == ""

    bad = {node["name"]: node for node in status(cluster, "--detailed-exitcode", code=2)["nodes"]}
    assert bad[SERVER]["good"]
    assert bad[AGENT]["service"] == "inactive"
    assert bad[AGENT]["drift"] == [
        {
            "kind": "configuration",
            "what": "/etc/rancher/k3s/config.yaml",
            "why": "it differs from the spec",
        },
        {"kind": "service", "what": "k3s-agent.service", "why": "it does not run"},
    ]
    shown = cluster.run("status", "spec.yaml", code=1).stdout
    assert "k3s-agent.service: it does not run" in shown
    cluster.run("apply", "-y", "spec.yaml")
    assert status(cluster)["good"]


def test_certificates_that_run_out_are_told(cluster: Lab) -> None:
    """k3s is told to make one for 30 days; that it makes it anew when it starts, the advice counts on."""
    renew = "rm -f /var/lib/rancher/k3s/server/tls/client-admin.*; systemctl restart k3s"
    cluster.on_node(SERVER, f"echo CATTLE_NEW_SIGNED_CERT_EXPIRATION_DAYS=30 > /etc/default/k3s; {renew}")
    try:
        restarted(cluster)
        said = status(cluster)
        assert [problem["code"] for problem in said["diagnostics"]] == ["KB0880"]
        assert said["nodes"][0]["certificates"]["leaf"]["days"] == 29
        planned = cluster.run("plan", "--detailed-exitcode", "spec.yaml").stderr
        assert "KB0880" in planned
        assert ".crt runs out in 29 days" in " ".join(planned.split())  # one of several of that second
    finally:
        cluster.on_node(SERVER, "rm /etc/default/k3s; systemctl restart k3s")
    restarted(cluster)
    assert status(cluster)["diagnostics"] == []


def test_the_last_snapshot_is_shown(cluster: Lab) -> None:
    cluster.run("snapshot", "save", "--tofu", cluster.tool, "-s", "spec.yaml")
    found = status(cluster)["snapshots"]
    assert (found["server"]["place"], found["late"]) == (SERVER, [])
    assert found["server"]["name"].startswith(f"on-demand-{SERVER}-")
    assert f"min ago on {SERVER}" in cluster.run("status", "spec.yaml").stdout


def test_doctor_finds_nothing_wrong(cluster: Lab) -> None:
    cluster.run("doctor", "spec.yaml")


def test_secrets_are_nowhere(cluster: Lab) -> None:
    """No token and no private key in any output, log, rendered file or state."""
    tokens = [
        cluster.on_node(SERVER, f"cat /var/lib/rancher/k3s/server/{name}").split(":")[-1]
        for name in ("token", "agent-token")
    ]
    key = (cluster.folder / ".kbootstrap" / f"{CLUSTER}.run" / "id_ed25519").read_text().splitlines()[2]
    admin = next(
        line.split(": ")[1]
        for line in cluster.on_node(SERVER, "cat /etc/rancher/k3s/k3s.yaml").splitlines()
        if "client-key-data" in line
    )
    secrets = [*tokens, key, admin]
    assert all(len(secret) > 20 for secret in secrets)
    allowed = {"kubeconfig", "id_ed25519"}
    texts = {
        str(path): path.read_text(errors="replace")
        for path in cluster.folder.rglob("*")
        if path.is_file() and path.name not in allowed
    }
    assert any("terraform.tfstate" in name for name in texts)
    assert any("events-" in name for name in texts)
    for node in (SERVER, AGENT):
        texts[f"configuration of {node}"] = cluster.on_node(
            node, "cat /etc/rancher/k3s/config.yaml*/* /etc/rancher/k3s/config.yaml"
        )
        texts[f"processes of {node}"] = cluster.on_node(node, "ps -eo args")
        texts[f"journal of {node}"] = cluster.on_node(node, "journalctl --no-pager")
        inspected = subprocess.run([engine(), "inspect", node], capture_output=True, text=True, check=True)
        texts[f"container of {node}"] = inspected.stdout
    found = [place for place, text in texts.items() for secret in secrets if secret in text]
    assert not found


def test_labels_and_taints_follow_the_spec(cluster: Lab) -> None:
    spec = cluster.folder / "spec.yaml"
    plain = spec.read_text()
    assert POOL in plain
    cluster.kubectl("label", "node", AGENT, "by-hand=kept")
    wanted = POOL + '        labels: {tier: web}\n        taints: ["a=b:NoSchedule"]\n'
    cluster.spec(plain.replace(POOL, wanted, 1))
    planned = cluster.run("plan", "--detailed-exitcode", spec, code=2)
    assert "set labels and taints" in planned.stderr
    cluster.run("apply", "-y", spec)
    node = cluster.get("node", AGENT)
    assert node["metadata"]["labels"]["tier"] == "web"
    assert {"key": "a", "value": "b", "effect": "NoSchedule"} in node["spec"]["taints"]

    cluster.spec(plain)
    cluster.run("apply", "-y", spec)
    node = cluster.get("node", AGENT)
    assert "tier" not in node["metadata"]["labels"]
    assert node["metadata"]["labels"]["by-hand"] == "kept"
    assert not node["spec"].get("taints")
    cluster.run("apply", "-y", "--detailed-exitcode", spec)


def test_removing_a_pool_is_shown_before(cluster: Lab) -> None:
    """What really happens then: `test_day_two.py`."""
    spec = cluster.folder / "spec.yaml"
    plain = spec.read_text()
    cluster.spec(plain.replace("    pools:\n" + POOL, "    pools: []\n").replace(POOL, ""))
    try:
        done = cluster.run("plan", "--detailed-exitcode", spec, code=2)
        assert f"{AGENT}  leaves" in done.stderr
        assert "drain the node" in done.stderr
        assert "1 node" in done.stderr
        assert cluster.ready_nodes() == {SERVER, AGENT}
    finally:
        cluster.spec(plain)


def test_a_node_removed_by_hand_comes_back(cluster: Lab) -> None:
    subprocess.run([engine(), "rm", "-f", "-v", AGENT], capture_output=True, check=True)
    missing = next(node for node in status(cluster, code=1)["nodes"] if node["name"] == AGENT)
    assert (missing["reachable"], missing["drift"][0]["kind"]) == (False, "infrastructure")
    planned = cluster.run("plan", "--detailed-exitcode", "spec.yaml", code=2)
    assert AGENT in planned.stderr
    cluster.run("apply", "-y", "spec.yaml")
    wait_for("the node is back", lambda: AGENT in cluster.ready_nodes(), seconds=60)
    cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")


def test_a_pool_grows_and_others_stay(cluster: Lab) -> None:
    spec = cluster.folder / "spec.yaml"
    started = "systemctl show -p ExecMainStartTimestampMonotonic k3s.service k3s-agent.service"
    before = [cluster.on_node(node, started) for node in (SERVER, AGENT)]
    cluster.spec(spec.read_text().replace(POOL, POOL.replace("nodes: 1", "nodes: 2"), 1))
    planned = cluster.run("plan", "--detailed-exitcode", spec, code=2)
    assert f"{CLUSTER}-default-2" in planned.stderr
    cluster.run("apply", "-y", spec)
    assert cluster.ready_nodes() == {SERVER, AGENT, f"{CLUSTER}-default-2"}
    assert [cluster.on_node(node, started) for node in (SERVER, AGENT)] == before
    cluster.run("apply", "-y", "--detailed-exitcode", spec)


def test_a_renamed_pool_keeps_its_machines(cluster: Lab) -> None:
    """`renamed_from` on a whole cluster: the state moves, and nothing happens to containers and nodes."""
    spec, nodes = cluster.folder / "spec.yaml", (SERVER, AGENT, f"{CLUSTER}-default-2")
    started = "systemctl show -p ExecMainStartTimestampMonotonic k3s.service k3s-agent.service"

    def seen() -> list[tuple[str, str, str]]:
        uid = {item["metadata"]["name"]: item["metadata"]["uid"] for item in cluster.get("nodes")["items"]}
        return [(container_id(name), cluster.on_node(name, started), uid[name]) for name in nodes]

    before = seen()
    renamed = POOL.replace("name: default", "name: workers\n        renamed_from: [default]")
    cluster.spec(spec.read_text().replace(POOL.replace("1", "2"), renamed.replace("1", "2"), 1))
    planned = cluster.run("plan", "--detailed-exitcode", spec, code=2)
    assert "module.pool_default becomes module.pool_workers" in planned.stderr
    assert "Plan: 1 to rename" in planned.stderr
    cluster.run("apply", "-y", spec)
    assert seen() == before
    assert cluster.ready_nodes() == set(nodes)
    assert (cluster.folder / ".kbootstrap" / CLUSTER / "pool_workers.tf").exists()
    assert not (cluster.folder / ".kbootstrap" / CLUSTER / "pool_default.tf").exists()
    again = cluster.run("apply", "-y", "--detailed-exitcode", spec)
    assert "nothing to do" in again.stderr.lower()


def container_id(name: str) -> str:
    """Return the engine's ID of a container: another one after it was made again."""
    words = [engine(), "inspect", "--format", "{{.Id}} {{.State.StartedAt}}", name]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_nothing_but_the_state_is_precious(cluster: Lab) -> None:
    """Key, kubeconfig, pins and rendered files are made or found again; machines and data stay."""
    cluster.kubectl("create", "configmap", "kept")
    before, work = machines(), cluster.folder / ".kbootstrap"
    state = (work / CLUSTER / "terraform.tfstate").read_bytes()
    shutil.rmtree(work)
    (cluster.folder / "kubeconfig").unlink()
    (work / CLUSTER).mkdir(parents=True)
    (work / CLUSTER / "terraform.tfstate").write_bytes(state)
    cluster.run("status", "spec.yaml")
    cluster.run("apply", "-y", "spec.yaml")
    assert "kept" in cluster.kubectl("get", "configmap", "-o", "name")
    cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
    assert machines() == before


def test_a_lost_state_comes_back_around_what_runs(cluster: Lab) -> None:
    before = machines()
    shutil.rmtree(cluster.folder / ".kbootstrap")
    (cluster.folder / "kubeconfig").unlink()
    refused = cluster.run("apply", "-y", "spec.yaml", code=5)
    assert "KB0612" in refused.stderr
    assert "kbootstrap adopt" in " ".join(refused.stderr.split())
    cluster.run("adopt", "-y", "spec.yaml")
    cluster.run("apply", "-y", "spec.yaml")
    assert "kept" in cluster.kubectl("get", "configmap", "-o", "name")
    cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
    assert "knows everything" in cluster.run("adopt", "-y", "spec.yaml").stderr
    assert machines() == before


def test_destroy_asks_and_leaves_nothing(cluster: Lab) -> None:
    refused = cluster.run("destroy", "spec.yaml", code=1)
    assert "-y" in refused.stderr
    assert cluster.ready_nodes() >= {SERVER, AGENT}
    cluster.run("destroy", "-y", "spec.yaml")
    assert leftovers("dev", CLUSTER) == []
    assert CLUSTER not in cluster.kubectl("config", "view")
    assert {path.name for path in (cluster.folder / ".kbootstrap").iterdir()} & {
        CLUSTER,
        f"{CLUSTER}.run",
    } == set()
    cluster.run("destroy", "-y", "spec.yaml")


@pytest.mark.parametrize("folder", ["with space", "ünïcode"])
def test_a_workspace_in_an_unusual_folder(lab: Lab, folder: str) -> None:
    place = lab.folder / folder
    place.mkdir()
    spec = Path(place / "spec.yaml")
    spec.write_text(small("e2efolder"))
    lab.run("render", spec, "--out", place / "out")
    lab.run("render", spec, "--out", place / "out", "--check")
    lab.run("plan", "--detailed-exitcode", spec, code=2)
