"""What the autoscaler needs as pods: archives on servers, Secrets, and its removal, as data."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from kbootstrap.cluster.decide import autoscaler_pods
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.decide.desired import desired_state
from kbootstrap.cluster.decide.drift import differences
from kbootstrap.cluster.decide.removal import Removal
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.node_facts import Installed, NodeFacts, TokenMarks
from kbootstrap.cluster.steps.autoscaler import DropArchive, GivePodSecrets, RemovePods
from kbootstrap.cluster.steps.files import StageFile, WriteFile
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.cluster.steps.service import RestartService
from kbootstrap.distros import find
from kbootstrap.distros.additions import AUTOSCALER_MANIFEST, Additions, ImageArchive
from kbootstrap.inventory.model import Inventory
from tests.cluster.world import EXTERNAL, INTERNAL, api, facts
from tests.distros.samples import cluster, nodes

SERVER, AGENT = "local-control-plane-1", "local-default-1"
SUM, OTHER = "a" * 64, "b" * 64
NOW = datetime(2026, 11, 1, tzinfo=UTC)
LATER = int(NOW.timestamp()) + 1
PODS = Additions(
    manifests={AUTOSCALER_MANIFEST: "kind: Deployment\n"},
    autoscaler=True,
    archives=(ImageArchive("server.tar.zst", SUM),),
)
IMAGES = "/var/lib/rancher/k3s/agent/images"
ARCHIVE = f"{IMAGES}/kbootstrap-image-{SUM[:16]}.tar.zst"
MANIFEST = f"/var/lib/rancher/k3s/server/manifests/{AUTOSCALER_MANIFEST}"
MARK = f"ac.1 {LATER} 70ce2"


def desired_cluster(additions: Additions = PODS, servers: int = 1, agents: int = 1) -> DesiredCluster:
    inventory = Inventory("local", {}, INTERNAL, EXTERNAL, ("10.9.0.10",))
    spec, many = cluster(servers=servers, agents=agents), nodes(servers, agents)
    found = desired_state(spec, many, inventory, find("k3s"), additions=additions)
    return replace(found, access=frozenset({"ac.1"}))


def ran(wish: DesiredCluster, **changes: Any) -> dict[str, NodeFacts]:  # noqa: ANN401
    """Return the facts of nodes that run, whose servers have the archives."""
    there = {one.artifact.path: Installed(one.sha256, one.sha256[:16], intact=True) for one in wish.archives}
    found = facts(wish, {"*": {"is": "running"}})
    for name, one in found.items():
        artifacts = {**one.artifacts, **(there if wish.node(name).role == "server" else {})}
        found[name] = replace(
            one, artifacts=artifacts, time=NOW, tokens=TokenMarks(agents="70ce2"), **changes
        )
    return found


def plan_of(
    wish: DesiredCluster, known: dict[str, NodeFacts], mark: str | None = MARK, removal: Removal | None = None
) -> Plan:
    seen = api(wish, {"*": {}})
    assert seen is not None
    return decide(wish, known, replace(seen, pods_mark=mark), removal=removal or Removal({}, {}))


def test_what_is_in_place_needs_nothing() -> None:
    wish = desired_cluster()
    assert plan_of(wish, ran(wish)).empty


@pytest.mark.parametrize(
    ("mark", "why"),
    [
        (None, "they are not there"),
        ("", "they are not those that kbootstrap writes"),
        (f"ac.2 {LATER} 70ce2", "its credential is gone, or its settings changed"),
        (f"ac.1 {LATER} 01d01", "the agents' token is another one"),
        (f"ac.1 {LATER - 2} 70ce2", "two thirds of its certificates' time are over"),
    ],
)
def test_secrets_that_must_be_written(mark: str | None, why: str) -> None:
    wish = desired_cluster(servers=3)
    plan = plan_of(wish, ran(wish), mark)
    assert plan.steps == {SERVER: (GivePodSecrets(node=SERVER, why=why, good=wish.access, checked=True),)}
    assert plan.gives_secret
    assert [one.what for one in differences(plan.steps[SERVER])] == ["Secret kbootstrap-autoscaler"]


def test_a_rotation_writes_them_in_the_same_run() -> None:
    wish = desired_cluster()
    known = ran(wish)
    staged = TokenMarks(own="0", agents="70ce2", accepted="0", next="1", next_agents="new")
    known[SERVER] = replace(known[SERVER], tokens=staged)
    steps = plan_of(wish, known).steps[SERVER]
    [step] = [step for step in steps if isinstance(step, GivePodSecrets)]
    assert step.why == "the agents' token is another one"


def test_a_silent_api() -> None:
    """They are read once more before anything is made."""
    wish = desired_cluster()
    plan = decide(wish, ran(wish), None)
    [step] = [step for step in plan.all_steps if isinstance(step, GivePodSecrets)]
    assert step.checked is False


def test_a_new_cluster_gets_all_of_it() -> None:
    """Only servers get the archives, before their service starts: it imports them."""
    wish = desired_cluster(servers=3)
    plan = decide(wish, facts(wish, {"*": {}}), None)
    given = {name for name in plan.steps if plan.has(name, GivePodSecrets)}
    assert given == {SERVER}
    archive = wish.archives[0].artifact
    sent = {
        name: [
            (one.version, one.load) for one in steps if isinstance(one, StageFile) and one.artifact == archive
        ]
        for name, steps in plan.steps.items()
    }
    assert {name: len(found) for name, found in sent.items()} == {
        **{f"local-control-plane-{n}": 1 for n in (1, 2, 3)},
        AGENT: 0,
    }
    assert sent[SERVER] == [(SUM[:16], False)]
    assert archive.name in plan.artifacts


def test_another_image_replaces_the_archive_without_a_restart() -> None:
    before = desired_cluster()
    known = ran(before)
    wish = desired_cluster(replace(PODS, archives=(ImageArchive("server.tar", OTHER),)))
    steps = plan_of(wish, known).steps[SERVER]
    [sent] = [step for step in steps if isinstance(step, StageFile)]
    assert (sent.artifact.path, sent.load) == (f"{IMAGES}/kbootstrap-image-{OTHER[:16]}.tar", True)
    assert [step.path for step in steps if isinstance(step, DropArchive)] == [ARCHIVE]
    assert not [step for step in steps if isinstance(step, RestartService)]


def test_a_damaged_archive_is_sent_again() -> None:
    wish = desired_cluster()
    known = ran(wish)
    broken = {**known[SERVER].artifacts, ARCHIVE: Installed(SUM, SUM[:16], intact=False)}
    known[SERVER] = replace(known[SERVER], artifacts=broken)
    [step] = plan_of(wish, known).steps[SERVER]
    assert isinstance(step, StageFile)


def test_another_version_of_kubernetes_keeps_the_archive() -> None:
    wish = desired_cluster()
    later = replace(wish, version="v1.32.1+k3s1")
    steps = plan_of(later, ran(wish)).steps[SERVER]
    assert ARCHIVE not in {step.artifact.path for step in steps if isinstance(step, StageFile)}


@pytest.mark.parametrize(("elastic", "last"), [({}, True), ({"local-web-bcdfg": "it leaves"}, False)])
def test_the_end(elastic: dict[str, str], last: bool) -> None:
    """The manifest is emptied, which is no withdrawn addon; the mark stays until elastic nodes have left."""
    before, wish = desired_cluster(), desired_cluster(Additions())
    known = ran(before)
    removal = Removal(dict.fromkeys(elastic, "agent"), {}, elastic=elastic)
    plan = plan_of(wish, known, removal=removal)
    assert not plan.refused
    steps = plan.steps[SERVER]
    [written] = [step for step in steps if isinstance(step, WriteFile)]
    assert written.file.path == MANIFEST
    assert all(line.startswith("#") for line in written.file.content.splitlines())
    assert not [step for step in steps if isinstance(step, RestartService)]
    assert [step.path for step in steps if isinstance(step, DropArchive)] == [ARCHIVE]
    [removed] = [step for step in steps if isinstance(step, RemovePods)]
    assert removed.last is last
    assert autoscaler_pods.installed(wish.distro, known.values())
    after = replace(known[SERVER], files={**known[SERVER].files, MANIFEST: _sum(written.file.content)})
    after = replace(after, artifacts={path: one for path, one in after.artifacts.items() if path != ARCHIVE})
    assert plan_of(wish, {**known, SERVER: after}, mark=None).empty


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_cluster_that_never_had_it_is_not_asked() -> None:
    wish = desired_cluster(Additions())
    known = ran(wish)
    assert not autoscaler_pods.installed(wish.distro, known.values())
    assert plan_of(wish, known, mark=None).empty
