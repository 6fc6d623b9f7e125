"""Resources that are deleted before OpenTofu runs; the real SDK against a small cloud on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from kbootstrap.core.events import Event, Status
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack import PROVIDER, deletions, early_removal
from kbootstrap.providers.openstack.deletions import LOAD_BALANCERS, MACHINES, VOLUMES, Progress
from tests.waiting import until

from .cloud import PROJECT, FakeCloud, server, tagged

OWN: dict[str, tuple[str, str]] = {
    'module.control_plane.openstack_compute_instance_v2.node["prod-control-plane-1"]': (
        "compute/servers",
        "vm",
    ),
    'module.control_plane.openstack_networking_port_v2.port["prod-control-plane-1"]': (
        "network/ports",
        "port",
    ),
    'module.control_plane.openstack_compute_servergroup_v2.group["1"]': ("compute/os-server-groups", "group"),
    'module.pool_db.openstack_blockstorage_volume_v3.volume["prod-db-1/data"]': ("volume/volumes", "volume"),
    "module.endpoint.openstack_lb_loadbalancer_v2.api[0]": ("lb/loadbalancers", "lb"),
    "module.endpoint.openstack_networking_floatingip_v2.api[0]": ("network/floatingips", "fip"),
    'module.network.openstack_networking_router_interface_v2.interface["agents"]': ("network/ports", "join"),
    "module.network.openstack_networking_router_v2.router[0]": ("network/routers", "router"),
    'module.network.openstack_networking_subnet_v2.subnet["agents"]': ("network/subnets", "subnet"),
    'module.security.openstack_networking_secgroup_v2.group["agents"]': ("network/security-groups", "rules"),
    "module.network.openstack_networking_network_v2.network[0]": ("network/networks", "net"),
}
STATE = {address: one for address, (_, one) in OWN.items()} | {
    'module.endpoint.openstack_lb_member_v2.server["prod-control-plane-1:6443"]': "member",
    'module.storage.openstack_objectstorage_container_v1.bucket["b"]': "bucket",
}
KINDS = {one: kind for kind, one in OWN.values()}


def thing(one: str) -> dict[str, Any]:
    match one:
        case "vm":
            return server("prod-control-plane-1") | {"id": "vm"}
        case "lb":
            return {"id": one, "name": one, "provisioning_status": "ACTIVE", "project_id": PROJECT}
        case "volume":
            return {"id": one, "name": one, "status": "available", "metadata": {}}
        case "join":
            return {"id": one, "device_id": "router", "device_owner": "network:router_interface"}
        case _:
            return tagged(one, one)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_removal, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(early_removal, "_LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(early_removal, "_REFUSED", 0.2)


@pytest.fixture
def filled(cloud: FakeCloud) -> FakeCloud:
    """A cloud that has what is in the state, and one more of each kind."""
    for one, kind in KINDS.items():
        cloud.things.setdefault(kind, []).append(thing(one))
    for kind in set(KINDS.values()):
        cloud.things[kind].append(thing("other") | {"id": "other", "name": "other"})
    return cloud


async def remove(context: ProviderContext, *without: str) -> dict[str, Event]:
    """Remove early what is in the state; return the last event of each step."""
    steps: dict[str, Event] = {}
    state = {address: one for address, one in STATE.items() if one not in without}
    context = replace(context, emit=lambda event: steps.update({str(event.step): event}))
    await PROVIDER.early_removal.remove(context, state)
    return steps


def there(cloud: FakeCloud) -> set[str]:
    return {one for one, kind in KINDS.items() if any(found["id"] == one for found in cloud.things[kind])}


def changes(cloud: FakeCloud) -> list[str]:
    """Return the IDs of what the cloud was asked to delete, in order."""
    asked = [one for one in cloud.requests if one.startswith(("DELETE", "PUT"))]
    return [one.removesuffix("/remove_router_interface").rpartition("/")[2] for one in asked]


def before(order: Iterable[str], first: str, then: str) -> bool:
    found = [*order]
    return found.index(first) < found.index(then)


async def test_all_but_the_network_is_deleted(context: ProviderContext, filled: FakeCloud) -> None:
    steps = await remove(context)
    assert there(filled) == {"net"}
    for kind in set(KINDS.values()):
        assert any(found["id"] == "other" for found in filled.things[kind]), "only what is in the state"
    assert {event.status for event in steps.values()} == {Status.DONE}
    assert len(steps) == len(OWN) - 1


async def test_users_of_a_resource_come_first(context: ProviderContext, filled: FakeCloud) -> None:
    await remove(context)
    order = changes(filled)
    for first, then in (
        ("vm", "port"),
        ("vm", "volume"),
        ("vm", "group"),
        ("port", "rules"),
        ("port", "subnet"),
        ("lb", "subnet"),
        ("fip", "router"),
    ):
        assert before(order, first, then), (first, then)
    # The connection is removed with a request to its router, which comes before the deletion of the latter.
    assert order.count("router") == 2


async def test_machines_that_the_cloud_shows_as_deleted_are_named(
    context: ProviderContext, filled: FakeCloud
) -> None:
    """OpenTofu's provider fails to read them; what they used is deleted as with any other machine."""
    [machine] = [one for one in filled.things["compute/servers"] if one["id"] == "vm"]
    machine["status"] = "SOFT_DELETED"
    [address] = [address for address, one in STATE.items() if one == "vm"]
    assert await PROVIDER.early_removal.remove(context, STATE) == {address}
    assert there(filled) == {"vm", "net"}


async def test_what_is_gone_is_no_error(context: ProviderContext, cloud: FakeCloud) -> None:
    """As after a run that was killed in between."""
    steps = await remove(context)
    assert {event.status for event in steps.values()} == {Status.DONE}
    assert not {"vm", "lb", "volume"} & {*changes(cloud)}, "one look is enough"


async def test_security_groups_stay_when_the_network_is_not_the_clusters(
    context: ProviderContext, filled: FakeCloud
) -> None:
    """The next run must find something of the cluster in the project (KB1133)."""
    await remove(context, "net", "subnet", "router")
    assert there(filled) == {"net", "subnet", "router", "rules"}


@pytest.mark.parametrize(
    ("refused", "stay"),
    [
        ("DELETE compute/servers/vm", {"vm", "port", "volume", "group", "subnet", "rules", "net"}),
        ("DELETE lb/loadbalancers/lb", {"lb", "subnet", "rules", "net"}),
        ("DELETE network/floatingips/fip", {"fip", "join", "router", "subnet", "rules", "net"}),
        ("DELETE network/ports/port", {"port", "subnet", "rules", "net"}),
        ("DELETE volume/volumes/volume", {"volume", "net"}),
        ("DELETE network/subnets/subnet", {"subnet", "net"}),
    ],
)
async def test_what_a_refused_resource_uses_is_left_to_opentofu(
    context: ProviderContext, filled: FakeCloud, refused: str, stay: set[str]
) -> None:
    filled.failures[refused] = (409, "it is locked")
    steps = await remove(context)
    assert there(filled) == stay
    (left,) = [event for event in steps.values() if event.status is Status.SKIPPED]
    assert "1 left to OpenTofu" in str(left.detail)
    assert "it is locked" in str(left.detail)
    assert filled.requests.count(refused) > 1, "a refusal is repeated for some time"


async def test_a_cloud_that_does_not_answer_leaves_all_to_opentofu(
    context: ProviderContext, filled: FakeCloud
) -> None:
    for kind in set(KINDS.values()):
        for one in KINDS:
            filled.failures[f"{kind}/{one}"] = (503, "maintenance")
    steps = await remove(context)
    assert there(filled) == {*KINDS}
    assert {event.status for event in steps.values()} == {Status.SKIPPED}


async def test_after_a_cancellation_nothing_is_deleted(context: ProviderContext, filled: FakeCloud) -> None:
    filled.delay = 0.05
    working = asyncio.create_task(remove(context))
    assert await until(lambda: changes(filled), seconds=60)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    await asyncio.sleep(0)
    begun = changes(filled)
    assert "port" not in begun
    assert "subnet" not in begun
    assert "port" in there(filled)


@pytest.mark.parametrize(
    ("kind", "shown", "progress"),
    [
        (MACHINES, "ACTIVE", Progress.ASKED),
        (MACHINES, "ERROR", Progress.ASKED),
        (MACHINES, "ACTIVE deleting", Progress.GOING),
        (MACHINES, "ERROR deleting", Progress.GOING),
        (MACHINES, "SOFT_DELETED", Progress.LISTED),
        (MACHINES, "DELETED", Progress.LISTED),
        (LOAD_BALANCERS, "ACTIVE", Progress.ASKED),
        (LOAD_BALANCERS, "ERROR", Progress.ASKED),
        (LOAD_BALANCERS, "PENDING_UPDATE", Progress.GOING),
        (LOAD_BALANCERS, "PENDING_DELETE", Progress.GOING),
        (LOAD_BALANCERS, "DELETED", Progress.GONE),
        (VOLUMES, "available", Progress.ASKED),
        (VOLUMES, "in-use", Progress.ASKED),
        (VOLUMES, "deleting", Progress.GOING),
    ],
)
def test_the_state_shows_how_far_a_deletion_is(kind: str, shown: str, progress: Progress) -> None:
    """A deletion is requested where none is in progress, and a load balancer that changes refuses it."""
    asked: list[str] = []

    def delete(one: str, **options: object) -> None:
        asked.append(one)
        assert options == {"ignore_missing": True} | ({"cascade": True} if kind == LOAD_BALANCERS else {})

    status, _, task = shown.partition(" ")
    machine, volume = SimpleNamespace(status=status, task_state=task or None), SimpleNamespace(status=status)
    balancer = SimpleNamespace(provisioning_status=status)
    sdk: Any = SimpleNamespace(
        compute=SimpleNamespace(get_server=lambda _: machine, delete_server=delete),
        load_balancer=SimpleNamespace(get_load_balancer=lambda _: balancer, delete_load_balancer=delete),
        block_storage=SimpleNamespace(get_volume=lambda _: volume, delete_volume=delete),
    )
    _, go = deletions.DELETIONS[kind]
    assert go(sdk, "a", lambda: None) is progress
    assert asked == (["a"] if progress is Progress.ASKED else [])


async def test_a_deletion_in_progress_is_waited_for(
    context: ProviderContext, filled: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a refusal: OpenTofu would fail at a load balancer that is being deleted."""
    monkeypatch.setattr(early_removal, "_REFUSED", 0.05)
    balancer = filled.things["lb/loadbalancers"][0]
    balancer["provisioning_status"] = "PENDING_DELETE"
    going = asyncio.create_task(remove(context))
    looks = "GET lb/loadbalancers/lb"
    assert await until(lambda: filled.requests.count(looks) > 20, seconds=60)  # at least 0.2 s
    assert "subnet" in there(filled)
    filled.things["lb/loadbalancers"].remove(balancer)
    steps = await going
    assert steps["delete load balancers"].status is Status.DONE
    assert there(filled) == {"net"}
    assert "lb" not in changes(filled)
