"""A restore in a cluster with elastic nodes: they go with the data that is replaced."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.engine import restore
from kbootstrap.engine.context import Context
from kbootstrap.engine.observe import Nodes
from kbootstrap.engine.snapshots import SnapshotSource
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.elastic import ElasticMachine
from tests.cluster.machines import Machines
from tests.cluster.world import desired_cluster
from tests.engine.test_elastic import Cloud

S1 = "local-control-plane-1"
SOURCE = SnapshotSource("nightly", None, None)


class Watched(Cloud):
    """Deletes nothing before every service is stopped."""

    def __init__(self, machines: Machines) -> None:
        super().__init__()
        self.machines = machines

    async def delete(self, context: ProviderContext, one: ElasticMachine) -> None:
        commands = {name: " ".join(host.commands) for name, host in self.machines.hosts.items()}
        assert all("systemctl stop" in said for said in commands.values())
        assert "--cluster-reset" not in commands[S1]
        await super().delete(context, one)


class Unreachable(Cloud):
    async def list(self, _context: ProviderContext) -> tuple[ElasticMachine, ...]:
        raise PrerequisiteMissing("the cloud does not answer", code="KB1105")


async def replaced(machines: Machines, cloud: Cloud | None) -> list[Any]:
    events: list[Any] = []
    context = SimpleNamespace(
        cluster=SimpleNamespace(name="local"),
        runtime=SimpleNamespace(emit=events.append),
        distribution=machines.plan.distro,
        provider=SimpleNamespace(elastic_machines=cloud),
        provider_context=None,
    )
    nodes = SimpleNamespace(desired=machines.plan, hosts=machines.hosts)
    await restore.replace_data(cast("Context", context), cast("Nodes", nodes), S1, SOURCE, None)
    return events


def was_reset(machines: Machines) -> bool:
    return any("--cluster-reset" in command for command in machines.hosts[S1].commands)


@pytest.mark.parametrize("names", [(), ("local-web-bcdfg", "local-web-cdfgh")])
async def test_elastic_machines_are_deleted_between_the_stop_and_the_reset(names: tuple[str, ...]) -> None:
    """The restored cluster does not know what runs on them; nothing makes others without an API."""
    machines = Machines(desired_cluster(2, 1))
    cloud = Watched(machines)
    cloud.add(*names)
    events = await replaced(machines, cloud)
    assert cloud.kept == {}
    assert sorted(cloud.log) == [f"delete {name}" for name in names]
    assert was_reset(machines)
    said = [event.step for event in events if "elastic" in (event.step or "")]
    assert bool(said) == bool(names)
    assert all(", ".join(names) in step for step in said)


async def test_a_provider_without_elastic_machines() -> None:
    machines = Machines(desired_cluster(1, 1))
    await replaced(machines, None)
    assert was_reset(machines)


async def test_nothing_is_replaced_while_the_cloud_does_not_answer() -> None:
    """Machines that cannot be listed may run pods of the cluster's newer data."""
    machines = Machines(desired_cluster(1, 1))
    with pytest.raises(PrerequisiteMissing, match="the cloud does not answer"):
        await replaced(machines, Unreachable())
    assert not was_reset(machines)
