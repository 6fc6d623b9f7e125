"""What every provider with elastic machines owes the server: run over its fake, and over the server's.

A provider that has the capability has `tests/providers/<name>/elastic.py` with `subject`.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import cast

import pytest

from kbootstrap.providers import find, names
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.elastic import (
    AddressTaken,
    MachineOrder,
    MachinePhase,
    OutOfResources,
)
from tests.autoscaler.fakes import FakeCloud
from tests.providers.elastic_subject import Elastic

Making = Callable[[Path], AbstractContextManager[Elastic]]


@contextmanager
def fake(_folder: Path) -> Iterator[Elastic]:
    cloud = FakeCloud(time.time, boot=0, delay=0, room=3)
    free = (f"10.0.1.{host}" for host in range(20, 99))
    yield Elastic(cloud, cast("ProviderContext", None), "small", free, room=3)


def subjects() -> dict[str, Making]:
    able = [name for name in names() if find(name).elastic_machines is not None]
    places = {name: importlib.import_module(f"tests.providers.{name}.elastic") for name in able}
    return {"fake": fake, **{name: cast("Making", place.subject) for name, place in places.items()}}


SUBJECTS = subjects()


@pytest.fixture(params=SUBJECTS)
def elastic(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Elastic]:
    with SUBJECTS[str(request.param)](tmp_path) as made:
        yield made


def order(elastic: Elastic, name: str = "prod-web-bcdfg", address: str = "") -> MachineOrder:
    return MachineOrder(name, "web", elastic.flavor, address or next(elastic.free))


async def test_a_machine_has_what_was_ordered_and_is_listed_at_once(elastic: Elastic) -> None:
    wanted = order(elastic)
    before = time.time()
    made = await elastic.machines.create(elastic.context, wanted)
    (listed,) = await elastic.machines.list(elastic.context)
    assert listed.id == made.id
    for one in (made, listed):
        assert (one.name, one.pool, one.flavor, one.address) == (
            wanted.name,
            wanted.pool,
            wanted.flavor,
            wanted.address,
        )
        assert one.phase in {MachinePhase.CREATING, MachinePhase.RUNNING}
        assert abs(one.created - before) < 120
    assert not {one.name for one in await elastic.machines.list(elastic.context)} & set(elastic.others)


async def test_a_repeated_request_makes_no_second_machine(elastic: Elastic) -> None:
    """The answer to the first one was lost. The address may be another one by then."""
    first = await elastic.machines.create(elastic.context, order(elastic))
    again = await elastic.machines.create(elastic.context, order(elastic))
    assert (again.id, again.address) == (first.id, first.address)
    assert len(await elastic.machines.list(elastic.context)) == 1


async def test_a_taken_address_leaves_nothing_behind(elastic: Elastic) -> None:
    first = await elastic.machines.create(elastic.context, order(elastic))
    with pytest.raises(AddressTaken):
        await elastic.machines.create(elastic.context, order(elastic, "prod-web-other", first.address))
    assert [one.name for one in await elastic.machines.list(elastic.context)] == [first.name]


async def test_quota_leaves_nothing_behind(elastic: Elastic) -> None:
    for number in range(elastic.room):
        await elastic.machines.create(elastic.context, order(elastic, f"prod-web-n{number}"))
    with pytest.raises(OutOfResources) as raised:
        await elastic.machines.create(elastic.context, order(elastic, "prod-web-more"))
    assert raised.value.message
    assert len(await elastic.machines.list(elastic.context)) == elastic.room


async def test_deletion_is_repeatable(elastic: Elastic) -> None:
    made = await elastic.machines.create(elastic.context, order(elastic))
    kept = await elastic.machines.create(elastic.context, order(elastic, "prod-web-other"))
    for _ in range(2):
        await elastic.machines.delete(elastic.context, made)
    left = await elastic.machines.list(elastic.context)
    assert [one.name for one in left if one.phase is not MachinePhase.DELETING] == [kept.name]


async def test_shapes_of_known_flavors_only(elastic: Elastic) -> None:
    found = await elastic.machines.shapes(elastic.context, [elastic.flavor, "no-such-flavor"])
    assert found.keys() == {elastic.flavor}
    shape = found[elastic.flavor]
    assert shape.cpus > 0
    assert shape.memory_mib > 0
    assert shape.disk_gib > 0
    assert shape.arch in {"amd64", "arm64"}
