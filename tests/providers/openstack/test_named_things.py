"""What a spec names and the cloud does not have is reported before anything is made, all at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.core.errors import SpecInvalid
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack import PROVIDER
from kbootstrap.spec.model import Spec
from tests.providers.contexts import of

from .cloud import KEY, PROJECT, FakeCloud, openstack

KEYS = f"    ssh: {{authorized_keys: [{KEY}]}}\n"
UUID = "0a1b2c3d-0000-4000-8000-00000000000a"
TYPES = openstack(
    "boot_volume: {size_gib: 20, type: fast}, block_storage: {type: slow}",
    KEYS,
    "    pools: [{name: web, flavor: large, nodes: 1, "
    "volumes: [{name: data, size_gib: 5, type: huge, mount: /srv/data}]}]\n",
)
EXISTING = openstack(
    "existing: {network: office, control_plane_subnet: servers, agents_subnet: agents, router: edge}", KEYS
)


def office(cloud: FakeCloud, *without: str) -> None:
    everything: dict[str, list[dict[str, Any]]] = {
        "networks": [{"id": "n1", "name": "office", "project_id": "other", "tags": []}],
        "subnets": [
            {"id": "s1", "name": "servers", "network_id": "n1", "cidr": "10.20.0.0/24"},
            {"id": "s2", "name": "agents", "network_id": "n1", "cidr": "10.20.4.0/22"},
        ],
        "routers": [{"id": "r1", "name": "edge", "project_id": PROJECT, "tags": []}],
    }
    for kind, things in everything.items():
        there = cloud.things.setdefault(f"network/{kind}", [])
        there += [thing for thing in things if thing["name"] not in without]


async def checks(spec: Spec, context: ProviderContext) -> dict[str, tuple[bool | None, str, str]]:
    found = await PROVIDER.check(of(context, spec))
    return {check.name: (check.ok, check.found, check.help) for check in found}


async def refused(spec: Spec, context: ProviderContext) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecInvalid, match="nothing was created") as caught:
        await PROVIDER.preflight.verify(of(context, spec))
    return caught.value.diagnostics


def line(problem: Diagnostic) -> str:
    assert problem.span is not None
    return problem.span.text


async def test_no_load_balancers_and_several_servers(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.absent = {"load-balancer"}
    spec = openstack(more=KEYS + "    api: {endpoint: load_balancer}\n")
    seen = await checks(spec, context)
    assert seen["load balancers"][0] is False
    assert "virtual_ip" in seen["load balancers"][2]
    (problem,) = await refused(spec, context)
    assert problem.code == "KB1112"
    assert "endpoint: load_balancer" in line(problem)
    assert "virtual_ip" in (problem.help or "")
    assert not [one for one in cloud.requests if one.startswith("GET lb")]


async def test_an_endpoint_without_load_balancer_needs_none(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    cloud.absent = {"load-balancer"}
    spec = openstack(more=KEYS + "    api: {endpoint: virtual_ip}\n")
    assert all(ok for ok, _, _ in (await checks(spec, context)).values())
    await PROVIDER.preflight.verify(of(context, spec))


async def test_no_volume_service(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.absent = {"block-storage"}
    (problem,) = [one for one in await refused(TYPES, context) if one.code == "KB1112"]
    assert "boot_volume" in line(problem)


async def test_volume_types(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.things["volume/types"] = [{"id": "t1", "name": "fast"}, {"id": "t2", "name": "plain"}]
    found = await refused(TYPES, context)
    assert [one.code for one in found] == ["KB1127", "KB1127"]
    assert {word for one in found for word in ("slow", "huge") if word in one.reason} == {"slow", "huge"}
    assert all("fast, plain" in (one.help or "") for one in found)
    cloud.things["volume/types"] += [{"id": "t3", "name": "slow"}, {"id": "t4", "name": "huge"}]
    await PROVIDER.preflight.verify(of(context, TYPES))
    assert (await checks(TYPES, context))["volume types"][:2] == (True, "fast, huge, slow")


async def test_volume_types_that_the_cloud_does_not_show_stop_nothing(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    cloud.failures["volume/types"] = (403, "forbidden")
    assert (await checks(TYPES, context))["volume types"][0] is None
    await PROVIDER.preflight.verify(of(context, TYPES))


async def test_existing_things_are_there(context: ProviderContext, cloud: FakeCloud) -> None:
    office(cloud)
    assert (await checks(EXISTING, context))["existing"][0] is True
    await PROVIDER.preflight.verify(of(context, EXISTING))


def nothing(cloud: FakeCloud) -> None:
    office(cloud, "office", "servers", "agents", "edge")


def of_another_network(cloud: FakeCloud) -> None:
    office(cloud)
    cloud.things["network/subnets"][1]["network_id"] = "n2"


def twice(cloud: FakeCloud) -> None:
    office(cloud)
    cloud.things["network/routers"].append({"id": "r2", "name": "edge", "project_id": PROJECT, "tags": []})


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (
            nothing,
            ["network: office", "control_plane_subnet: servers", "agents_subnet: agents", "router: edge"],
        ),
        (of_another_network, ["agents_subnet: agents"]),
        (twice, ["router: edge"]),
    ],
)
async def test_existing_things_that_are_not_as_named(
    context: ProviderContext, cloud: FakeCloud, change: Callable[[FakeCloud], None], wrong: list[str]
) -> None:
    change(cloud)
    found = await refused(EXISTING, context)
    assert [one.code for one in found] == ["KB1111"] * len(wrong)
    assert all(key in line(one) for key, one in zip(wrong, found, strict=True))
    assert (await checks(EXISTING, context))["existing"][0] is False


async def test_a_load_balancer_provider(context: ProviderContext, cloud: FakeCloud) -> None:
    spec = openstack("load_balancer: {provider: ovn}", KEYS + "    api: {endpoint: load_balancer}\n")
    cloud.things["lb/providers"] = [{"name": "amphora", "description": ""}]
    (problem,) = await refused(spec, context)
    assert (problem.code, problem.help) == ("KB1113", "Providers of this cloud: amphora.")
    cloud.things["lb/providers"].append({"name": "ovn", "description": ""})
    await PROVIDER.preflight.verify(of(context, spec))


async def test_everything_at_once(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.absent = {"load-balancer"}
    cloud.things["volume/types"] = []
    cloud.things["network/networks"][0]["name"] = "other"
    spec = openstack(
        "boot_volume: {size_gib: 20, type: fast}, key_pair: team, availability_zones: [north], "
        "existing: {router: edge}",
        KEYS + "    api: {endpoint: load_balancer}\n",
    )
    found = {one.code for one in await refused(spec, context)}
    assert found == {"KB1111", "KB1112", "KB1122", "KB1123", "KB1124", "KB1127"}
