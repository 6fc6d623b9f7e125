"""Elastic machines outside of a plan: deleted by `destroy`, found when they go, the token from a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from kbootstrap.cluster.decide.removal import Removal
from kbootstrap.cluster.state.api_facts import ApiFacts, ApiNode
from kbootstrap.core.errors import DeadlinePassed, PrerequisiteMissing, TofuFailed
from kbootstrap.core.redact import Redactor
from kbootstrap.engine import destroy_cluster, elastic
from kbootstrap.engine.context import Context
from kbootstrap.engine.elastic_way import Inside
from kbootstrap.engine.infrastructure import Infrastructure
from kbootstrap.plans.elastic import Elastic
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.elastic import ElasticMachine, MachinePhase
from tests.spec.samples import spec_of

SPEC = """apiVersion: kbootstrap/v1alpha1
name: shop
clusters:
  prod:
    provider: {local: {}}
    kubernetes: {version: v1.32.0+k3s1}
    network: {cidr: 10.20.0.0/16, control_plane: 10.20.0.0/24, agents: 10.20.4.0/22}
    control_plane: {nodes: 1}
"""


def machine(name: str, phase: MachinePhase = MachinePhase.RUNNING) -> ElasticMachine:
    return ElasticMachine(f"id-{name}", name, "web", "", "10.20.4.15", phase, 0.0)


@dataclass
class Cloud:
    """Elastic machines; one that is deleted stays in the list for `stays` readings."""

    kept: dict[str, ElasticMachine] = field(default_factory=dict)
    stays: int = 1
    log: list[str] = field(default_factory=list)
    leaving: dict[str, int] = field(default_factory=dict)

    def add(self, *names: str) -> None:
        self.kept |= {name: machine(name) for name in names}

    async def list(self, _context: ProviderContext) -> tuple[ElasticMachine, ...]:
        for name in [*self.leaving]:
            self.leaving[name] -= 1
            if self.leaving[name] < 0:
                del self.leaving[name], self.kept[name]
        return tuple(self.kept.values())

    async def delete(self, _context: ProviderContext, one: ElasticMachine) -> None:
        self.log.append(f"delete {one.name}")
        self.leaving[one.name] = self.stays


def context(cloud: Cloud | None) -> Context:
    spec = spec_of(SPEC)
    found = SimpleNamespace(
        spec=spec,
        cluster=spec.clusters[0],
        provider=SimpleNamespace(elastic_machines=cloud, early_removal=None),
        provider_context=None,
        runtime=SimpleNamespace(redactor=Redactor()),
    )
    return cast("Context", found)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elastic, "_POLL", 0.001)


async def test_all_are_deleted_and_waited_for() -> None:
    cloud = Cloud(stays=3)
    cloud.add("a", "b")
    await elastic.delete_all(context(cloud))
    assert cloud.kept == {}
    assert sorted(cloud.log) == ["delete a", "delete b"], "each is asked for once"


async def test_one_that_does_not_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elastic, "GONE", 0.01)
    cloud = Cloud(stays=10**6)
    cloud.add("a", "b")
    with pytest.raises(DeadlinePassed, match="a of cluster prod did not go") as raised:
        await elastic.delete_machine(context(cloud), "a")
    assert raised.value.code == "KB1406"
    assert cloud.log == ["delete a"]


async def test_a_provider_without_elastic_machines() -> None:
    assert await elastic.elastic_machines(context(None)) == ()
    await elastic.delete_all(context(None))
    assert (await elastic.elastic(context(None), ApiFacts({}))).machines == {}


async def test_what_has_departed() -> None:
    cloud = Cloud()
    cloud.add("a")
    cloud.kept["b"] = machine("b", MachinePhase.DELETING)
    assert await elastic.departed(context(cloud), ["a", "b", "c"]) == {"b", "c"}


@dataclass
class Tofu:
    """Destroys at once, unless something says why it cannot."""

    log: list[str]
    refuses: Callable[[], bool]

    async def destroy(self) -> None:
        self.log.append("destroy")
        if self.refuses():
            raise TofuFailed("the network is in use")


async def test_destroy_deletes_them_first() -> None:
    cloud = Cloud()
    cloud.add("a")
    tofu = cast("Infrastructure", Tofu(cloud.log, lambda: bool(cloud.kept)))
    await destroy_cluster._destroy(context(cloud), tofu, {})
    assert cloud.log == ["delete a", "destroy"]


async def test_destroy_goes_on_when_one_was_made_meanwhile() -> None:
    """The server makes machines until the API is gone; a network with a machine in it cannot be deleted."""
    cloud, made = Cloud(), list[str]()

    def refuses() -> bool:
        if not made:
            made.append("late")
            cloud.add("late")
        return bool(cloud.kept)

    await destroy_cluster._destroy(context(cloud), cast("Infrastructure", Tofu(cloud.log, refuses)), {})
    assert cloud.log == ["destroy", "delete late", "destroy"]


async def test_another_failure_of_destroy_is_raised() -> None:
    cloud = Cloud()
    tofu = cast("Infrastructure", Tofu(cloud.log, lambda: True))
    with pytest.raises(TofuFailed):
        await destroy_cluster._destroy(context(cloud), tofu, {})
    assert cloud.log == ["destroy"]


def test_a_lost_node_does_not_stop_an_upgrade() -> None:
    """Nodes that lost their machine leave, but not while the version changes: that would be refused."""
    found = Elastic(leaving={"a": "asked for", "never": "it never became a node"}, passing=frozenset("bc"))
    nodes = {
        "a": ApiNode("a", ready=True, version="v1"),
        "b": ApiNode("b", ready=False, version="v1"),
        "c": ApiNode("c", ready=True, version="v1"),
    }
    known = elastic.with_elastic(Removal({}, {}), found, ApiFacts(nodes), "v1")
    assert known.removed == {"a": "agent", "never": "agent", "b": "agent"}
    assert known.elastic == found.leaving
    assert known.passing == {"b", "c"}
    assert elastic.with_elastic(Removal({}, {}), found, ApiFacts(nodes), "v2").removed == {"a": "agent"}


async def test_inside_the_cluster_the_spec_and_a_file_are_enough(tmp_path: Path) -> None:
    place, here = tmp_path / "token", context(Cloud())
    place.write_text("K10abc::node:secret\n")
    way = Inside(place)
    assert await way.token(here) == "K10abc::node:secret"
    assert "secret" not in here.runtime.redactor.clean("it is K10abc::node:secret")
    made = (await way.outputs(here))["kbootstrap"]
    assert made["endpoint"]["internal"] == {"host": "10.20.0.10", "port": 6443}
    assert (await Inside(place, "api.example.org").outputs(here))["kbootstrap"]["endpoint"]["internal"] == {
        "host": "api.example.org",
        "port": 6443,
    }
    await way.provide(here, "amd64")
    with pytest.raises(PrerequisiteMissing) as raised:
        await Inside(tmp_path / "missing").token(here)
    assert raised.value.code == "KB1407"
