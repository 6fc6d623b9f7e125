"""Machines that left the spec: which of them answer, and which of those are ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from kbootstrap import distros
from kbootstrap.cluster.state.api_facts import ApiFacts, ApiNode
from kbootstrap.cluster.state.recorded import Recorded
from kbootstrap.core.errors import HostUnreachable, KbootstrapError, PrerequisiteMissing
from kbootstrap.engine.removed_hosts import RemovedHosts, inspect_removed, recorded
from kbootstrap.inventory.model import Endpoint, Inventory, Machine, SshTarget
from tests.cluster.world import desired_cluster
from tests.hosts.fake import Answer, FakeConnector, Run, output

ASKED: dict[str, Any] = {}
"""The machines that the provider was asked for last, as the output contract has them."""
END = Endpoint("10.0.0.1", 6443)
OUTPUTS: dict[str, Any] = {"kbootstrap": {"endpoint": {}, "nodes": {"cp": {}}}}
FACTS = """\
begin kbootstrap-facts-1
epoch 1
memory 4000
disk-data 9000
disk-binary 9000
{}
end kbootstrap-facts-1
"""


class _Provider:
    """Knows the machines that it is asked for, but not the host key of those called `keyless`."""

    async def inventory(
        self,
        _context: object,
        outputs: Mapping[str, Any],
        *,
        starting: bool,
        tolerate_missing: Collection[str],
    ) -> Inventory:
        assert not starting
        nodes = outputs["kbootstrap"]["nodes"]
        ASKED.update(nodes)
        assert set(tolerate_missing) == set(nodes)
        machines = {
            name: Machine(name, node["address"], SshTarget(name, node["address"], 22, "root"), name)
            for name, node in nodes.items()
            if name != "keyless"
        }
        absent: dict[str, KbootstrapError] = {
            name: PrerequisiteMissing("no key of it", code="KB0651") for name in nodes if name == "keyless"
        }
        return Inventory("c", machines, END, END, (), absent)


async def seen(said: dict[str, str], api: ApiFacts | None, deaf: Collection[str] = ()) -> RemovedHosts:
    """Visit; `said` is what the facts of each machine say."""

    def answer(call: Run) -> Answer:
        return output(FACTS.format(said[call.host]))

    context: Any = SimpleNamespace(
        provider=_Provider(),
        cluster=SimpleNamespace(name="c"),
        provider_context=None,
        distribution=distros.find("k3s"),
    )
    desired = replace(desired_cluster(1, 0), machines={"cp": Recorded("server", "10.0.0.1")})
    refusals = {name: HostUnreachable(f"{name} is silent", host=name) for name in deaf}
    async with AsyncExitStack() as stack:
        via = FakeConnector(answer, refusals=refusals)
        return await inspect_removed(context, OUTPUTS, desired, api, stack, via, deadline=1)


def remembered(**machines: Recorded) -> ApiFacts:
    nodes = {name: ApiNode(name, ready=True, version="") for name in machines}
    return ApiFacts(nodes, machines={"cp": Recorded("server", "10.0.0.1"), **machines})


AGENT = Recorded("agent", "10.0.0.9")


def test_outputs_become_a_record() -> None:
    nodes = {"a": {"role": "server", "address": "h"}, "b": {"role": "agent", "address": "i"}}
    assert recorded(nodes) == {"a": Recorded("server", "h"), "b": Recorded("agent", "i")}
    other = {"c": {"role": "agent", "address": "j", "ssh": {"host": "metal-1", "port": 2222}}}
    assert recorded(other) == {"c": Recorded("agent", "j", ssh_host="metal-1", port=2222)}


async def test_a_machine_is_reached_as_it_was_when_it_was_in_the_spec() -> None:
    """The line of the host is gone, and with it the port that it had."""
    found = await seen({"w": "claimed c"}, remembered(w=replace(AGENT, ssh_host="metal-1", port=2222)))
    assert set(found.hosts) == {"w"}
    assert ASKED["w"]["ssh"] == {"host": "metal-1", "port": 2222}


async def test_no_machine_is_contacted_where_none_left() -> None:
    assert await seen({}, None) == RemovedHosts()
    assert await seen({}, remembered()) == RemovedHosts()


async def test_a_machine_of_this_cluster_leaves_with_its_facts() -> None:
    found = await seen({"w": "claimed c"}, remembered(w=AGENT))
    assert found.removal.removed == {"w": "agent"}
    assert found.removal.staying == {"w": AGENT}
    assert (set(found.hosts), set(found.facts), found.unseen) == ({"w"}, {"w"}, {})


async def test_the_data_of_a_server_that_etcd_has_removed_counts_no_more() -> None:
    """A run was cut after its Node was deleted, and before the machine was clean."""
    api = remembered(s=Recorded("server", "10.0.0.9"))
    said = {"s": "claimed c\netcd yes"}
    assert (await seen(said, api)).facts["s"].etcd
    without = replace(api, nodes={name: node for name, node in api.nodes.items() if name != "s"})
    assert not (await seen(said, without)).facts["s"].etcd


@pytest.mark.parametrize("said", ["claimed other", "trace /usr/local/bin/k3s", "other kubeadm"])
async def test_a_foreign_machine_is_not_changed(said: str) -> None:
    found = await seen({"w": said}, remembered(w=AGENT))
    assert found.unseen == {"w": "it belongs to something else"}
    assert not found.hosts
    assert not found.facts


async def test_a_machine_that_is_clean_already_is_only_forgotten() -> None:
    found = await seen({"w": "os Debian"}, remembered(w=AGENT))
    assert (set(found.hosts), set(found.facts), found.unseen) == ({"w"}, set(), {})


async def test_machines_that_are_silent_or_unknown_are_reported() -> None:
    found = await seen({}, remembered(w=AGENT, keyless=AGENT), deaf=["w"])
    assert found.unseen == {"w": "w is silent", "keyless": "no key of it"}
    assert found.removal.names == {"w", "keyless"}


async def test_a_machine_that_has_another_name_in_the_spec_is_not_cleaned() -> None:
    found = await seen({}, remembered(old=Recorded("server", "10.0.0.1")))
    assert found.unseen == {"old": "the spec uses its address for cp"}
    assert not found.hosts
