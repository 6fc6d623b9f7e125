"""How an agent joins, without facts about servers: the steps of every other agent."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.decide.joining import joining, version
from kbootstrap.cluster.state.api_facts import ApiFacts, ApiNode
from kbootstrap.cluster.state.node_facts import NodeFacts, TokenMarks
from kbootstrap.cluster.steps.files import WriteSecret
from kbootstrap.cluster.steps.membership import ForgetNode
from tests.cluster.world import CA, desired_cluster, fresh, running

TOKEN = f"K10{CA}::node:secret"


def test_the_steps_are_those_of_the_whole_cluster() -> None:
    """A new agent beside a server that runs: `decide` with all facts, `joining` with its own alone."""
    whole = desired_cluster(1, 1)
    server, agent = whole.nodes
    known = running(whole, server.name)
    api = ApiFacts({server.name: ApiNode(server.name, ready=True, version=whole.version, etcd=True)})
    blank = fresh(agent.name)
    one = replace(whole, nodes=(agent,))
    own = joining(one, blank, api, TOKEN)
    assert own.steps[agent.name]
    expected = decide(whole, {server.name: known, agent.name: blank}, api)
    assert own.steps[agent.name] == expected.steps[agent.name]
    assert not own.refused


def test_a_machine_that_has_joined_needs_nothing_again() -> None:
    whole = desired_cluster(1, 1)
    _, agent = whole.nodes
    one = replace(whole, nodes=(agent,))
    node = ApiNode(agent.name, ready=True, version=whole.version, labels=dict(agent.labels))
    done = running(whole, agent.name)
    assert joining(one, done, ApiFacts({agent.name: node}), TOKEN).steps == {}


def test_a_token_that_was_rotated_meanwhile_is_written_again() -> None:
    whole = desired_cluster(1, 1)
    _, agent = whole.nodes
    one = replace(whole, nodes=(agent,))
    old = hashlib.sha256(b"old").hexdigest()[:12]
    begun = replace(running(whole, agent.name), tokens=TokenMarks(own=old))
    steps = joining(one, begun, ApiFacts({}), TOKEN).steps[agent.name]
    assert [step.why for step in steps if isinstance(step, WriteSecret)] == [
        "the cluster has another one now"
    ]


def test_a_node_of_that_name_is_forgotten_first() -> None:
    whole = desired_cluster(1, 1)
    _, agent = whole.nodes
    one = replace(whole, nodes=(agent,))
    there = ApiFacts({agent.name: ApiNode(agent.name, ready=False, version=whole.version)})
    steps = joining(one, fresh(agent.name), there, TOKEN).steps[agent.name]
    assert any(isinstance(step, ForgetNode) for step in steps)


def test_a_machine_of_something_else_is_refused() -> None:
    whole = desired_cluster(1, 1)
    _, agent = whole.nodes
    foreign: NodeFacts = replace(fresh(agent.name), claimed="other")
    found = joining(replace(whole, nodes=(agent,)), foreign, ApiFacts({}), TOKEN)
    assert found.refused
    assert found.steps == {}


@pytest.mark.parametrize("token", ["", "secret", f"K10{CA}::node:", "K10abc::node:secret"])
def test_only_the_full_form_of_a_token(token: str) -> None:
    whole = desired_cluster(1, 1)
    with pytest.raises(ValueError, match="full form"):
        joining(replace(whole, nodes=whole.nodes[1:]), fresh(whole.nodes[1].name), ApiFacts({}), token)


def test_never_newer_than_a_server() -> None:
    control = {"node-role.kubernetes.io/control-plane": "true"}
    old = ApiNode("a", ready=True, version="v1.9.1+k3s1", labels=control)
    new = ApiNode("b", ready=True, version="v1.10.0+k3s1", labels=control)
    agent = ApiNode("c", ready=True, version="v1.8.0+k3s1")
    assert version("v1.10.0+k3s1", (old, new, agent)) == "v1.9.1+k3s1"
    assert version("v1.10.0+k3s1", (new, agent)) == "v1.10.0+k3s1"
    assert version("v1.9.0+k3s1", (new,)) == "v1.9.0+k3s1"
    assert version("v1.9.0+k3s1", ()) == "v1.9.0+k3s1"
