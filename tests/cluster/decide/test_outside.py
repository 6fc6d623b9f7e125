"""Registries and the proxy on nodes: written, compared by hash, emptied, refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.decide.desired import desired_state
from kbootstrap.cluster.decide.drift import differences
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.steps.base import Step
from kbootstrap.cluster.steps.files import WriteFile, WriteSecret
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.cluster.steps.service import RestartService
from kbootstrap.distros import find, outside, registries
from kbootstrap.inventory.model import Inventory
from kbootstrap.spec.model import Registries
from tests.cluster.world import EXTERNAL, INTERNAL, api, facts
from tests.distros.samples import cluster, nodes
from tests.distros.test_outside import CLOSED, OPEN

K3S = find("k3s")
PATH = registries.file_path(K3S)
SERVER, AGENT = "local-control-plane-1", "local-default-1"
TEXT = registries.secret_text(K3S, CLOSED, {})


def desired_cluster(found: Registries | None, common: dict[str, str] | None = None) -> DesiredCluster:
    spec = replace(cluster(), registries=found)
    inventory = Inventory("local", {}, INTERNAL, EXTERNAL, ())
    return replace(desired_state(spec, nodes(), inventory, K3S), common=common or {})


def decided(then: DesiredCluster, now: DesiredCluster, extra: dict[str, str] | None = None) -> Plan:
    """Return the plan for a cluster that an earlier run left as `then`; `extra` are files by hash."""
    states: dict[str, NodeFacts] = {
        name: replace(one, files={**one.files, **(extra or {})})
        for name, one in facts(then, {"*": {"is": "running"}}).items()
    }
    return decide(now, states, api(now, {"*": {}}))


def steps(plan: Plan, name: str) -> tuple[Step, ...]:
    return tuple(plan.steps.get(name, ()))


def test_a_new_mirror_restarts_every_node() -> None:
    plan = decided(desired_cluster(None), desired_cluster(replace(OPEN, embedded=False)))
    for name in (SERVER, AGENT):
        written = [step.file.path for step in steps(plan, name) if isinstance(step, WriteFile)]
        assert PATH in written
        assert any(isinstance(step, RestartService) for step in steps(plan, name))
    assert "mirror.test" in "".join(s.diff for s in steps(plan, AGENT) if isinstance(s, WriteFile))


def test_credentials_are_written_on_agents_and_in_no_plan() -> None:
    want = desired_cluster(replace(CLOSED, embedded=False), {PATH: "# secret\npassword: very-secret\n"})
    plan = decided(desired_cluster(None), want)
    for name in (SERVER, AGENT):
        found = [step for step in steps(plan, name) if isinstance(step, WriteSecret)]
        assert [step.path for step in found] == [PATH]
        assert "very-secret" not in repr(steps(plan, name))
        assert [one.what for one in differences(steps(plan, name)) if one.what == PATH] == [PATH]
    assert "very-secret" not in repr(want)


def test_the_same_credentials_need_nothing() -> None:
    want = desired_cluster(CLOSED, {PATH: TEXT})
    plan = decided(want, want, {PATH: hashlib.sha256(TEXT.encode()).hexdigest()})
    assert not plan.steps


def test_what_the_spec_drops_is_emptied_once() -> None:
    key = registries.pem_path(K3S, "mirror.test:5000", "key")
    before = replace(OPEN, embedded=False)
    plan = decided(desired_cluster(before), desired_cluster(None), {key: "5" * 64})
    written = {s.file.path: s.file.content for s in steps(plan, AGENT) if isinstance(s, WriteFile)}
    assert written[PATH] == written[key] == outside.NOTHING
    empty = hashlib.sha256(outside.NOTHING.encode()).hexdigest()
    assert not decided(desired_cluster(None), desired_cluster(None), {PATH: empty, key: empty}).steps


def test_files_whose_content_is_not_known_are_left_alone() -> None:
    """`status` works without the operator's secrets."""
    want = desired_cluster(CLOSED)
    assert not decided(want, want, {PATH: "5" * 64}).steps


def test_the_embedded_mirror_of_a_cluster_does_not_change() -> None:
    for then, now in ((None, OPEN), (OPEN, None)):
        plan = decided(desired_cluster(then), desired_cluster(now))
        assert plan.refused
        assert {d.code for d in plan.diagnostics} == {"KB0811"}
    assert not decided(desired_cluster(OPEN), desired_cluster(OPEN)).diagnostics
