"""What `doctor` shows and what `apply` refuses; the real SDK against a small cloud on loopback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kbootstrap.core.errors import SpecInvalid
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack import PROVIDER
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Spec
from kbootstrap.spec.pins import ImagePin
from tests.providers.contexts import of

from .cloud import KEY, PROJECT, FakeCloud, flavor, openstack, server, tagged

KEYS = f"    ssh: {{authorized_keys: [{KEY}]}}\n"
EXTRAS = openstack(
    "availability_zones: [nova, north], key_pair: team, boot_volume: {size_gib: 300}",
    KEYS,
    "    pools: [{name: web, flavor: huge, nodes: 12, anti_affinity: hard}]\n",
)


async def lines(
    spec: Spec, context: ProviderContext, lock: Lock | None = None
) -> dict[str, tuple[bool | None, str]]:
    checks = await PROVIDER.check(of(context, spec, lock=lock or Lock()))
    return {check.name: (check.ok, check.found) for check in checks}


async def test_all_is_well(context: ProviderContext) -> None:
    seen = await lines(openstack(), context)
    assert all(ok for ok, _ in seen.values()), seen
    assert seen["OpenStack"] == (
        True,
        f"cloud 'lab' of {context.space.base.parent}/clouds.yaml, project demo, region one",
    )
    assert seen["image"] == (True, "Debian 12 (img-1)")
    assert seen["flavors"] == (True, "small, large")
    assert seen["quota: machines"] == (True, "5 more needed, 0 used, limit 10")
    assert seen["quota: memory"] == (True, "28672 MiB more needed, 0 used, limit 65536")
    assert "quota: volumes" not in seen


def no_image(cloud: FakeCloud) -> None:
    cloud.things["image/images"] = []


def no_flavor(cloud: FakeCloud) -> None:
    cloud.things["compute/flavors"] = [flavor("smaller", 1, 1, 1), flavor("large", 4, 8192, 40)]


def no_external(cloud: FakeCloud) -> None:
    cloud.things["network/networks"][0]["name"] = "ext-net"


def two_machines(cloud: FakeCloud) -> None:
    cloud.limits["maxTotalInstances"] = 2


def few_rules(cloud: FakeCloud) -> None:
    cloud.network_quota["security_group_rule"] = {"limit": 20, "used": 10, "reserved": 0}


def name_taken(cloud: FakeCloud) -> None:
    cloud.things["network/networks"].append(
        {"id": "x", "name": "demo-prod", "project_id": PROJECT, "tags": []}
    )


@pytest.mark.parametrize(
    ("change", "code", "line", "snippet"),
    [
        (no_image, "KB1120", "image", "image: {name: Debian 12}"),
        (no_flavor, "KB1121", "flavors", "control_plane: {nodes: 3, flavor: small}"),
        (no_external, "KB1122", "external network", "external_network: public"),
        (two_machines, "KB1126", "quota: machines", "control_plane: {nodes: 3"),
        (few_rules, "KB1126", "quota: security group rules", ""),
        (name_taken, "KB1125", "names", ""),
    ],
)
async def test_one_thing_is_wrong(
    context: ProviderContext,
    cloud: FakeCloud,
    change: Callable[[FakeCloud], None],
    code: str,
    line: str,
    snippet: str,
) -> None:
    spec = openstack(more=KEYS)
    change(cloud)
    seen = await lines(spec, context)
    assert [name for name, (ok, _) in seen.items() if ok is False] == [line]
    with pytest.raises(SpecInvalid, match="nothing was created") as caught:
        await PROVIDER.preflight.verify(of(context, spec))
    (problem,) = caught.value.diagnostics
    assert problem.code == code
    assert problem.span is not None
    assert snippet in problem.span.text


async def test_all_problems_are_reported_at_once(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.limits |= {"maxServerGroupMembers": 5, "maxServerGroups": 1}
    with pytest.raises(SpecInvalid) as caught:
        await PROVIDER.preflight.verify(of(context, EXTRAS))
    assert sorted(problem.summary for problem in caught.value.diagnostics) == [
        "Availability zone not found",
        "Flavor not found",
        "Key pair not found",
        "Quota for machines is too small",
        "Quota for server groups is too small",
        "Quota for volume storage is too small",
        "Quota for volumes is too small",
        "Server groups are too small",
    ]


async def test_a_deleted_build_of_the_image(context: ProviderContext) -> None:
    lock = Lock(images={"prod": ImagePin("Debian 12", "img-0")})
    seen = await lines(openstack(), context, lock)
    assert seen["image"] == (False, "Debian 12 (img-0) does not exist")


async def test_old_clouds_do_not_report_usage(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.details = False
    cloud.things["network/ports"] = [
        {"id": str(n), "project_id": PROJECT, "device_id": ""} for n in range(45)
    ]
    seen = await lines(openstack(), context)
    assert seen["quota: ports"] == (False, "10 more needed, 45 used, limit 50")


async def test_no_limit(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.limits["maxTotalInstances"] = -1
    seen = await lines(openstack(), context)
    assert seen["quota: machines"] == (True, "5 more needed, 0 used, no limit")


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("compute/limits", "machines"),
        (f"network/quotas/{PROJECT}/details", "ports"),
        ("volume/limits", "volumes"),
        (f"lb/quotas/{PROJECT}", "load balancers"),
    ],
)
async def test_a_quota_that_cannot_be_read_stops_nothing(
    context: ProviderContext, cloud: FakeCloud, path: str, title: str
) -> None:
    spec = openstack("boot_volume: {size_gib: 20}", KEYS)
    cloud.failures[path] = (403, "not for you")
    ok, found = (await lines(spec, context))[f"quota: {title}"]
    assert ok is None
    assert found.endswith("more needed; the cloud does not report the quota")
    await PROVIDER.preflight.verify(of(context, spec))


async def test_load_balancers_of_other_projects_do_not_count(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    cloud.things["lb/loadbalancers"] = [
        {"id": f"{project}{n}", "name": "web", "project_id": project, "tags": []}
        for project in (PROJECT, "another")
        for n in range(9)
    ]
    seen = await lines(openstack(), context)
    assert seen["quota: load balancers"] == (True, "1 more needed, 9 used, limit 10")


def standing(cloud: FakeCloud) -> None:
    """Put the whole cluster there, and leave no room for more."""
    names = [f"prod-control-plane-{n}" for n in (1, 2, 3)] + ["prod-web-1", "prod-web-2"]
    ports: list[dict[str, Any]] = [
        tagged(f"p{n}", name, network_id="net", device_id=f"id-{name}", device_owner="compute:nova")
        for n, name in enumerate(names)
    ]
    ports += [
        {"id": f"q{n}", "network_id": "net", "device_id": "d", "project_id": PROJECT, "tags": []}
        for n in range(3)
    ]
    ports.append(ports[-1] | {"id": "dhcp", "device_owner": "network:dhcp"})
    rules = [{"id": str(n), "direction": "ingress" if n < 14 else "egress"} for n in range(15)]
    cloud.things |= {
        "compute/servers": [server(name) for name in names],
        "network/ports": ports,
        "network/subnets": [tagged(one, one, network_id="net") for one in ("s1", "s2")],
        "network/routers": [tagged("r", "demo-prod")],
        "network/floatingips": [tagged("f1", ""), tagged("f2", "")],
        "network/security-groups": [
            tagged("g1", "demo-prod-agents", security_group_rules=rules),
            tagged("g2", "demo-prod-control-plane", security_group_rules=[]),
        ],
        "lb/loadbalancers": [tagged("l", "demo-prod-api")],
    }
    cloud.things["network/networks"].append(tagged("net", "demo-prod"))
    cloud.limits |= {"maxTotalInstances": 5, "totalInstancesUsed": 5}
    cloud.network_quota = {name: {"limit": 1, "used": 1, "reserved": 0} for name in cloud.network_quota}


async def test_an_existing_cluster_passes_with_a_full_quota(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    spec = openstack(more=KEYS)
    standing(cloud)
    no_image(cloud)
    await PROVIDER.preflight.verify(of(context, spec))
    assert await PROVIDER.prepare(of(context, spec)) == {
        "OS_CLIENT_CONFIG_FILE": f"{context.space.base.parent}/clouds.yaml",
        "TF_VAR_ssh_authorized_keys": f'["{KEY}"]',
    }
    assert not [asked for asked in cloud.requests if "limits" in asked or "quotas" in asked]


async def test_what_a_plan_needs_takes_no_request(context: ProviderContext, cloud: FakeCloud) -> None:
    """So a plan can begin at once; what new resources need is asked beside it."""
    await PROVIDER.prepare(of(context, openstack(more=KEYS)))
    assert cloud.requests == []


async def test_one_machine_is_missing(context: ProviderContext, cloud: FakeCloud) -> None:
    spec = openstack(more=KEYS)
    standing(cloud)
    cloud.things["compute/servers"].pop()
    with pytest.raises(SpecInvalid) as caught:
        await PROVIDER.preflight.verify(of(context, spec))
    (problem,) = caught.value.diagnostics
    assert problem.reason == "Machines: 1 more needed, 5 used, limit 5."
    cloud.limits["totalInstancesUsed"] = 4
    await PROVIDER.preflight.verify(of(context, spec))


async def test_without_creating_the_cloud_is_not_queried(context: ProviderContext, cloud: FakeCloud) -> None:
    spec = openstack()
    variables = await PROVIDER.prepare(of(context, spec), creating=False)
    assert variables["TF_VAR_ssh_authorized_keys"] == "[]"
    assert cloud.requests == []


async def test_volumes_that_do_not_fit_are_reported_at_their_pool(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    pools = """    pools:
      - {name: web, flavor: large, nodes: 4}
      - {name: db, flavor: large, nodes: 2, volumes: [{name: data, size_gib: 50, mount: /data}]}
"""
    spec = openstack(more=KEYS, pools=pools)
    cloud.volume_limits["maxTotalVolumeGigabytes"] = 90
    marks = {"kbootstrap.spec": "demo", "kbootstrap.cluster": "prod"}
    kept = {"id": "v1", "name": "prod-db-1-data", "size": 50, "metadata": marks}
    seen = await lines(spec, context)
    assert seen["quota: volume storage"] == (False, "100 GiB more needed, 0 used, limit 90")
    with pytest.raises(SpecInvalid) as caught:
        await PROVIDER.preflight.verify(of(context, spec))
    (problem,) = caught.value.diagnostics
    assert problem.span is not None
    assert "name: db" in problem.span.text
    cloud.things["volume/volumes"] = [kept, kept | {"id": "v2", "name": "prod-db-2-data", "metadata": {}}]
    assert (await lines(spec, context))["quota: volume storage"] == (
        True,
        "50 GiB more needed, 0 used, limit 90",
    )
