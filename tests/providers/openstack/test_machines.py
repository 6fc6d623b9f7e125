"""Inventory, drift, blank machines; the real SDK against a small cloud on loopback."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from kbootstrap.core.errors import HostUnreachable, PrerequisiteMissing
from kbootstrap.core.events import Event, Status
from kbootstrap.hosts.known_hosts import KnownHosts, Pin
from kbootstrap.inventory.model import Endpoint
from kbootstrap.providers.cloud import host_keys
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack import PROVIDER
from tests.providers.cloud.test_console import DEBIAN, ECDSA, ED25519, RSA
from tests.providers.contexts import of

from .cloud import PROJECT, FakeCloud, openstack, server, tagged

SPEC = openstack()
CLUSTER = SPEC.clusters[0]
NAMES = {
    "prod-control-plane-1": "10.20.0.11",
    "prod-control-plane-2": "10.20.0.12",
    "prod-web-1": "10.20.4.11",
}


def outputs(
    bastion: dict[str, str] | None = None, *, host: str = "203.0.113.9", public: bool = False
) -> dict[str, Any]:
    def node(name: str, address: str) -> dict[str, Any]:
        role, pool = ("agent", "web") if "web" in name else ("server", "control-plane")
        has_one = name.endswith("plane-1") and (bastion is None or public)
        return {
            "role": role,
            "pool": pool,
            "address": address,
            "instance": f"id-{name}",
            "public_address": "203.0.113.5" if has_one else None,
        }

    first = {"address": "203.0.113.5", "user": "debian", "instance": "id-prod-control-plane-1"}
    return {
        "kbootstrap": {
            "cluster": "prod",
            "network": {"id": "net", "name": "demo-prod"},
            "endpoint": {
                "internal": {"host": "10.20.0.10", "port": 6443},
                "external": {"host": host, "port": 6443},
            },
            "nodes": {name: node(name, address) for name, address in NAMES.items()},
            "bastion": bastion or first,
        }
    }


async def gone(context: ProviderContext, made: dict[str, Any]) -> dict[str, str]:
    states = (await PROVIDER.inspect(context, outputs=made)).values()
    return {address: state.gone for state in states for address in state.replace}


async def unprovisioned(context: ProviderContext, names: Collection[str]) -> set[str]:
    found = await PROVIDER.inspect(context, names=names)
    return {name for name, state in found.items() if state.unprovisioned}


async def faults(context: ProviderContext) -> dict[str, str]:
    found = await PROVIDER.inspect(context, faults=True)
    return {name: state.fault for name, state in found.items()}


@pytest.fixture(autouse=True)
def _machines(cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.things["compute/servers"] = [server(name) for name in NAMES]
    cloud.consoles = {f"id-{name}": [DEBIAN] for name in NAMES}
    monkeypatch.setattr(host_keys, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(host_keys, "_LONGEST_PAUSE", 0.01)


async def test_through_the_first_server(context: ProviderContext) -> None:
    inventory = await PROVIDER.inventory(context, outputs())
    assert list(inventory.machines) == list(NAMES)
    first, web = inventory.machines["prod-control-plane-1"], inventory.machines["prod-web-1"]
    assert (first.ssh.host, first.ssh.jump) == ("203.0.113.5", None)
    assert (web.ssh.host, web.ssh.user, web.address) == ("10.20.4.11", "kbootstrap", "10.20.4.11")
    jump = web.ssh.jump
    assert jump is not None
    assert (jump.key_alias, jump.host, jump.user) == ("prod-control-plane-1", "203.0.113.5", "debian")
    assert (jump.instance, jump.host_keys) == (first.instance, first.host_keys)
    assert web.host_keys == (ECDSA, ED25519, RSA)
    assert inventory.internal == Endpoint("10.20.0.10", 6443)
    assert inventory.external == Endpoint("203.0.113.9", 6443, "10.20.0.10")


@pytest.mark.parametrize(
    ("settings", "own"),
    [
        ("", True),
        ("existing: {router: edge}", True),
        ("existing: {network: office, control_plane_subnet: servers, agents_subnet: agents}", False),
    ],
)
async def test_other_machines_may_be_in_an_existing_network(
    context: ProviderContext, settings: str, own: bool
) -> None:
    inventory = await PROVIDER.inventory(of(context, openstack(settings)), outputs())
    assert inventory.own_network is own


async def test_machines_know_their_volumes(context: ProviderContext) -> None:
    contract = outputs()
    contract["kbootstrap"]["nodes"]["prod-web-1"]["volumes"] = {"data": "id-of-data"}
    inventory = await PROVIDER.inventory(context, contract)
    assert inventory.machines["prod-web-1"].volumes == {"data": "id-of-data"}
    assert inventory.machines["prod-control-plane-1"].volumes == {}


async def test_an_endpoint_that_the_certificate_carries(context: ProviderContext) -> None:
    inventory = await PROVIDER.inventory(context, outputs(host="10.20.0.10"))
    assert inventory.external == Endpoint("10.20.0.10", 6443)


@pytest.mark.parametrize("public", [False, True])
async def test_through_a_machine_of_its_own(context: ProviderContext, cloud: FakeCloud, public: bool) -> None:
    cloud.things["compute/servers"].append(server("prod-bastion"))
    cloud.consoles["id-prod-bastion"] = [DEBIAN]
    bastion = {"address": "203.0.113.7", "user": "kbootstrap", "instance": "id-prod-bastion"}
    inventory = await PROVIDER.inventory(context, outputs(bastion, public=public))
    assert {name: machine.ssh.host for name, machine in inventory.machines.items()} == NAMES
    jumps = {machine.ssh.jump for machine in inventory.machines.values()}
    (jump,) = jumps
    assert jump is not None
    assert (jump.key_alias, jump.host_keys) == ("prod-bastion", (ECDSA, ED25519, RSA))


async def test_without_a_bastion_nodes_are_reached_at_their_own_addresses(context: ProviderContext) -> None:
    contract = outputs()
    contract["kbootstrap"]["bastion"] = None
    inventory = await PROVIDER.inventory(context, contract)
    assert {name: machine.ssh.host for name, machine in inventory.machines.items()} == NAMES
    assert not any(machine.ssh.jump for machine in inventory.machines.values())


async def test_consoles_are_read_only_for_machines_without_a_pin(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    pins = KnownHosts(context.space.known_hosts)
    context.space.run.mkdir(parents=True)
    pins.store(Pin("prod-web-1", "id-prod-web-1", (ED25519,)))
    pins.store(Pin("prod-control-plane-2", "id-of-before", (ED25519,)))
    inventory = await PROVIDER.inventory(context, outputs())
    assert inventory.machines["prod-web-1"].host_keys == ()
    assert inventory.machines["prod-control-plane-2"].host_keys == (ECDSA, ED25519, RSA)
    assert "POST compute/servers/id-prod-web-1/action" not in cloud.requests


async def test_the_first_boot_is_waited_for(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.consoles["id-prod-web-1"] = ["", "booting", DEBIAN]
    inventory = await PROVIDER.inventory(context, outputs())
    assert inventory.machines["prod-web-1"].host_keys == (ECDSA, ED25519, RSA)


@pytest.mark.parametrize("logs", [None, ["Cloud-init v. 24.1 finished at Sun"]])
async def test_consoles_without_keys(
    context: ProviderContext, cloud: FakeCloud, logs: list[str] | None
) -> None:
    cloud.consoles.pop("id-prod-web-1")
    if logs:
        cloud.consoles["id-prod-web-1"] = logs
    inventory = await PROVIDER.inventory(context, outputs())
    assert inventory.machines["prod-web-1"].host_keys == ()


async def test_a_cloud_that_fails_to_show_a_console(
    context: ProviderContext, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    context = replace(context, emit=events.append)
    path = "compute/servers/id-prod-web-1/action"
    cloud.failures[path] = (500, "the host does not answer")
    monkeypatch.setattr(host_keys, "WAIT", 0.3)
    inventory = await PROVIDER.inventory(context, outputs())
    assert inventory.machines["prod-web-1"].host_keys == ()
    assert cloud.requests.count(f"POST {path}") > 1
    assert [(event.node, event.status) for event in events] == [
        ("prod-web-1", Status.WAITING),
        ("prod-web-1", Status.SKIPPED),
    ]


async def test_looking_waits_for_nothing_and_starts_nothing(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    cloud.things["compute/servers"] = [
        server("prod-control-plane-1"),
        server("prod-control-plane-2", status="SHUTOFF"),
    ]
    cloud.consoles["id-prod-control-plane-1"] = ["booting"]
    inventory = await PROVIDER.inventory(context, outputs(), starting=False)
    assert list(inventory.machines) == ["prod-control-plane-1"]
    assert {name: getattr(error, "code", None) for name, error in inventory.absent.items()} == {
        "prod-control-plane-2": "KB1132",
        "prod-web-1": "KB1130",
    }


async def test_what_is_shut_off_is_started(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.things["compute/servers"][1]["status"] = "SHUTOFF"
    inventory = await PROVIDER.inventory(context, outputs())
    assert len(inventory.machines) == 3
    assert cloud.things["compute/servers"][1]["status"] == "ACTIVE"


@pytest.mark.parametrize(("status", "code"), [("ERROR", "KB1131"), ("RESCUE", "KB1132")])
async def test_what_does_not_run(context: ProviderContext, cloud: FakeCloud, status: str, code: str) -> None:
    cloud.things["compute/servers"][0]["status"] = status
    with pytest.raises(HostUnreachable) as caught:
        await PROVIDER.inventory(context, outputs())
    assert caught.value.code == code


async def test_drift(context: ProviderContext, cloud: FakeCloud) -> None:
    assert await gone(context, {}) == {}
    assert await gone(context, outputs()) == {}
    cloud.things["compute/servers"] = cloud.things["compute/servers"][1:2]
    assert await gone(context, outputs()) == {
        'module.control_plane.openstack_compute_instance_v2.node["prod-control-plane-1"]': (
            "the cloud has no machine prod-control-plane-1"
        ),
        'module.pool_web.openstack_compute_instance_v2.node["prod-web-1"]': (
            "the cloud has no machine prod-web-1"
        ),
    }


async def test_a_bastion_that_is_gone(context: ProviderContext, cloud: FakeCloud) -> None:
    contract = outputs({"address": "203.0.113.7", "user": "kbootstrap", "instance": "id-prod-bastion"})
    alone = openstack("bastion: {flavor: small}").clusters[0]
    assert await gone(of(context, SPEC, alone), contract) == {
        "module.bastion.openstack_compute_instance_v2.bastion": "the cloud has no machine prod-bastion"
    }
    assert await gone(context, contract) == {}  # the spec wants none any more
    cloud.things["compute/servers"].append(server("prod-bastion"))
    assert await gone(of(context, SPEC, alone), contract) == {}


async def test_what_a_list_leaves_out_is_not_gone(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.things["compute/servers"] = cloud.things["compute/servers"][:2]
    cloud.failures["compute/servers/id-prod-web-1"] = (500, "the cell is down")
    assert await gone(context, outputs()) == {}
    inventory = await PROVIDER.inventory(context, outputs(), starting=False)
    assert {name: getattr(error, "code", None) for name, error in inventory.absent.items()} == {
        "prod-web-1": "KB1132"
    }


NETWORK = {"id": "net", "name": "demo-prod", "tags": []}


@pytest.mark.parametrize(
    ("kind", "thing", "here"),
    [
        ("network/networks", NETWORK | {"project_id": PROJECT}, True),
        ("network/networks", NETWORK | {"project_id": "somebody else's, shared"}, False),
        ("network/security-groups", tagged("s", "demo-prod-agents"), True),
        ("network/security-groups", {"id": "s", "project_id": PROJECT, "tags": []}, False),
        ("compute/servers", server("prod-web-1", tenant_id=PROJECT), True),
    ],
)
async def test_a_state_of_another_project(
    context: ProviderContext, cloud: FakeCloud, kind: str, thing: dict[str, Any], *, here: bool
) -> None:
    cloud.things["compute/servers"] = []
    cloud.things.setdefault(kind, []).append(thing)
    none_left = outputs()
    none_left["kbootstrap"]["nodes"] = {}
    if here:
        assert await gone(context, outputs())
        return
    for contract in (outputs(), none_left):
        with pytest.raises(PrerequisiteMissing, match="is in the project demo") as caught:
            await gone(context, contract)
        assert caught.value.code == "KB1133"


async def test_blank(context: ProviderContext, cloud: FakeCloud) -> None:
    never = server("prod-web-1", status="ERROR") | {"OS-SRV-USG:launched_at": None}
    foreign = server("prod-web-2") | {"metadata": {}}
    cloud.things["compute/servers"] = [server("prod-control-plane-1"), never, foreign]
    names = ["prod-control-plane-1", "prod-web-1", "prod-web-2", "prod-web-3"]
    assert await unprovisioned(context, names) == {"prod-web-1", "prod-web-2", "prod-web-3"}


async def test_a_machine_that_the_list_leaves_out_is_not_blank(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    cloud.things["compute/servers"] = []
    cloud.things["network/ports"] = [
        tagged("p1", "prod-web-1", device_id="id-prod-web-1", device_owner="compute:nova"),
        tagged("p2", "prod-web-2", device_id="id-prod-web-2", device_owner="compute:nova"),
        tagged("p3", "prod-web-3", device_id="", device_owner=""),
    ]
    cloud.failures["compute/servers/id-prod-web-1"] = (500, "the cell is down")
    names = ["prod-web-1", "prod-web-2", "prod-web-3"]
    assert await unprovisioned(context, names) == {"prod-web-2", "prod-web-3"}


async def test_faults(context: ProviderContext, cloud: FakeCloud) -> None:
    broken = server("prod-web-1", status="ERROR") | {"fault": {"message": "No valid host was found."}}
    silent = server("prod-web-3", status="ERROR")
    foreign = server("prod-web-2", status="ERROR") | {"metadata": {}, "fault": {"message": "not ours"}}
    cloud.things["compute/servers"] = [server("prod-control-plane-1"), broken, silent, foreign]
    assert await faults(context) == {"prod-web-1": "No valid host was found."}
