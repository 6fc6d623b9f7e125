"""What is removed before and after `destroy`, and what stays because it is not the cluster's."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from kbootstrap.core.errors import DeadlinePassed, Interrupted, KbootstrapError
from kbootstrap.core.events import Event, Type
from kbootstrap.providers.cloud import waiting
from kbootstrap.providers.cloud.waiting import CancellableWait
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.model import OrphanPhase
from kbootstrap.providers.openstack import PROVIDER, cleanup
from kbootstrap.providers.openstack.connection import connected
from kbootstrap.providers.openstack.power import start
from kbootstrap.providers.openstack.settings import settings

from .cloud import PROJECT, FakeCloud, openstack, server, tagged

SPEC = openstack()
CLUSTER = SPEC.clusters[0]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(waiting, "_LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(waiting, "GONE", 0.05)
    monkeypatch.setattr(cleanup, "GONE", 0.05)


def balancer(one: str, name: str, network: str = "other", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "id": one,
        "name": name,
        "vip_network_id": network,
        "vip_port_id": f"vip-{one}",
        "provisioning_status": "ACTIVE",
        "tags": [],
        "project_id": PROJECT,
        **more,
    }


def volume(one: str, cluster: str) -> dict[str, Any]:
    return {
        "id": one,
        "name": f"pvc-{one}",
        "status": "available",
        "metadata": {"cinder.csi.openstack.org/cluster": cluster},
    }


def address(one: str, port: str, description: str) -> dict[str, Any]:
    return {
        "id": one,
        "port_id": port,
        "floating_ip_address": "203.0.113.8",
        "description": description,
        "project_id": PROJECT,
        "tags": [],
    }


def left(cloud: FakeCloud, kind: str) -> list[str]:
    return [thing["id"] for thing in cloud.things.get(kind, [])]


async def test_before(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.things["network/networks"].append(tagged("net", "demo-prod"))
    cloud.things["lb/loadbalancers"] = [
        balancer("a", "kube_service_demo-prod_default_web"),
        balancer("b", "kube_service_kubernetes_default_web", "net"),
        balancer("c", "kube_service_demo-production_default_web"),
        balancer("d", "demo-prod-api", "net"),
        balancer("e", "kube_service_demo-prod_default_web", project_id="somebody-else-s"),
    ]
    made = "Floating IP for Kubernetes external service default/web from cluster demo-prod"
    cloud.things["network/floatingips"] = [
        address("fip-a", "vip-a", made),
        address("fip-b", "vip-b", "the shop's, in the DNS"),
        address("fip-c", "vip-c", made),
    ]
    await PROVIDER.remove_orphans(context, OrphanPhase.BEFORE_DESTROY)
    assert left(cloud, "lb/loadbalancers") == ["c", "d", "e"]
    assert left(cloud, "network/floatingips") == ["fip-b", "fip-c"]


async def test_the_preview_names_what_is_removed(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.things["network/networks"].append(tagged("net", "demo-prod"))
    cloud.things["lb/loadbalancers"] = [
        balancer("a", "kube_service_demo-prod_default_web"),
        balancer("d", "demo-prod-api", "net"),
    ]
    marks = {"kbootstrap.spec": "demo", "kbootstrap.cluster": "prod"}
    cloud.things["volume/volumes"] = [
        volume("v1", "demo-prod") | {"size": 10},
        volume("v2", "demo-test"),
        volume("v3", "") | {"name": "data", "size": 20, "metadata": marks},
    ]
    cloud.things["compute/servers"] = [server("prod-web-1"), server("x") | {"metadata": {}}]
    doomed = await PROVIDER.destroy_preview(context)
    assert "project" in doomed.place
    assert doomed.things == {
        "machines": ("prod-web-1",),
        "load balancers of Services": ("kube_service_demo-prod_default_web",),
        "volumes of nodes": ("data (20 GiB)",),
        "volumes of claims": ("pvc-v1 (10 GiB)",),
    }
    assert not [asked for asked in cloud.requests if asked.startswith("DELETE")]


async def test_resources_in_no_state_are_removed_before_a_creation(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    """Marks in the description count too: the run was cut before it set the tags."""
    cut = {"description": "kbootstrap demo/prod", "tags": [], "project_id": PROJECT}
    free = {"device_id": "", "device_owner": ""}
    known, lost = tagged("net", "demo-prod"), {"id": "lost", "name": "demo-prod", **cut}
    used = {"id": "used", "name": "demo-prod", **cut}
    cloud.things["network/networks"] += [known, lost, used]
    cloud.things["compute/servers"] = [server("prod-web-1")]
    cloud.things["network/subnets"] = [
        {"id": "s1", "name": "s1", "network_id": "net", **cut},
        {"id": "s2", "name": "s2", "network_id": "net", **cut, "description": "the shop's"},
    ]
    cloud.things["network/ports"] = [
        {"id": "p1", "network_id": "net", **cut, **free},
        {"id": "p2", "network_id": "net", **cut, **free, "description": "by hand"},
        {"id": "p3", "network_id": "used", **cut, "device_id": "vm", "device_owner": "compute:nova"},
        {"id": "p4", "network_id": "net", **cut, **free},
        {"id": "p5", "network_id": "net", "device_id": "r1", "device_owner": "network:router_interface"},
        {"id": "p6", "network_id": "net", "device_id": "r1", "device_owner": "network:router_interface"},
    ]
    cloud.things["network/routers"] = [tagged("r1", "demo-prod")]
    cloud.things["network/floatingips"] = [
        address("f1", "", "prod-control-plane-1, kbootstrap demo/prod"),
        address("f2", "p2", "reserved by somebody"),
    ]
    cloud.things["lb/loadbalancers"] = [
        balancer("b1", "demo-prod-api", "net", tags=["kbootstrap.spec=demo", "kbootstrap.cluster=prod"]),
        balancer("b2", "kube_service_demo-prod_default_web", "net"),
    ]
    await PROVIDER.remove_orphans(context, OrphanPhase.BEFORE_CREATE, known={"net", "p4", "r1", "p6"})
    assert left(cloud, "network/networks") == ["ext", "net", "used"]
    assert left(cloud, "network/subnets") == ["s2"]
    assert left(cloud, "network/ports") == ["p2", "p3", "p4", "p6"]
    assert left(cloud, "network/floatingips") == ["f2"]
    assert left(cloud, "lb/loadbalancers") == ["b2"]
    assert left(cloud, "compute/servers") == ["id-prod-web-1"]


async def test_security_rules_in_no_state_are_removed(context: ProviderContext, cloud: FakeCloud) -> None:
    """The cloud refuses a second rule of the same kind. Rules that others made are kept."""

    def rule(one: str, description: str | None) -> dict[str, Any]:
        return {"id": one, "direction": "ingress", "description": description}

    own = "10.0.0.0/16->control_plane-tcp-6443"
    rules = [
        rule("recorded", own),
        rule("lost", own),
        rule("range", "own->agents-tcp-30000-32767"),
        rule("monitoring", "for our monitoring"),
        rule("unnamed", None),
    ]
    cloud.things["network/security-groups"] = [
        tagged("g1", "demo-prod-control-plane", security_group_rules=rules),
        tagged("g2", "demo-prod-agents", security_group_rules=[rule("with-its-group", own)]),
    ]
    cloud.things["network/security-group-rules"] = [*rules, rule("with-its-group", own)]
    await PROVIDER.remove_orphans(context, OrphanPhase.BEFORE_CREATE, known={"g1", "recorded"})
    assert left(cloud, "network/security-groups") == ["g1"]
    kept = ["recorded", "monitoring", "unnamed", "with-its-group"]
    assert left(cloud, "network/security-group-rules") == kept


async def test_volumes_of_an_interrupted_creation_are_removed(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    """One that may have been attached is kept, and reported with its ID."""
    spec = openstack(
        pools="    pools: [{name: db, flavor: large, nodes: 1, "
        "volumes: [{name: data, size_gib: 5, mount: /data}]}]\n"
    )
    emitted: list[Event] = []
    context = replace(context, spec=spec, cluster=spec.clusters[0], emit=emitted.append)

    def one(name: str, changed: str | None, **more: Any) -> dict[str, Any]:  # noqa: ANN401
        times = {"created_at": "2026-11-28T10:00:00.000000", "updated_at": changed}
        marks = {"kbootstrap.spec": "demo", "kbootstrap.cluster": "prod"}
        return (
            volume(name, "") | {"name": "prod-db-1-data", "metadata": marks, "attachments": []} | times | more
        )

    soon, later = "2026-11-28T10:00:04.000000", "2026-11-28T10:01:00.000000"
    cloud.things["volume/volumes"] = [
        one("empty", soon),
        one("failed", soon, status="error"),
        one("recorded", soon),
        one("attached", soon, status="in-use", attachments=[{"server_id": "x"}]),
        one("changing", soon, status="creating"),
        one("used", later),
        one("unclear", None),
        one("other", soon, metadata={"kbootstrap.spec": "demo", "kbootstrap.cluster": "test"}),
    ]
    await PROVIDER.remove_orphans(context, OrphanPhase.BEFORE_CREATE, known={"net", "recorded"})
    kept = ["recorded", "attached", "changing", "used", "unclear", "other"]
    assert left(cloud, "volume/volumes") == kept
    reported = "".join(str(event.detail) for event in emitted if event.type is Type.DIAGNOSTIC)
    assert [name for name in kept if f"({name})" in reported] == ["changing", "used", "unclear"]


async def test_after(context: ProviderContext, cloud: FakeCloud) -> None:
    other = {"tags": ["kbootstrap.spec=demo", "kbootstrap.cluster=test"], "project_id": PROJECT}
    cloud.things["volume/volumes"] = [
        volume("v1", "demo-prod"),
        volume("v2", "demo-test"),
        volume("v3", "") | {"metadata": {"kbootstrap.spec": "demo", "kbootstrap.cluster": "prod"}},
        volume("v4", "") | {"metadata": {"kbootstrap.spec": "demo", "kbootstrap.cluster": "test"}},
    ]
    cloud.things["compute/servers"] = [server("prod-web-1"), server("x") | {"metadata": {}}]
    cloud.things["compute/os-server-groups"] = [
        {"id": "g1", "name": "demo-prod-web-1"},
        {"id": "g2", "name": "demo-prod-web-a"},
        {"id": "g3", "name": "demo-prod-web-1", "members": ["a machine of spec demo-prod, cluster web"]},
    ]
    cloud.things["network/networks"] += [
        tagged("net", "demo-prod"),
        {"id": "n2", "name": "demo-test", **other},
    ]
    cloud.things["network/ports"] = [
        {"id": "p1", "network_id": "net", "device_id": "", "device_owner": "", "project_id": PROJECT},
        {
            "id": "p2",
            "network_id": "net",
            "device_id": "d",
            "device_owner": "network:dhcp",
            "project_id": PROJECT,
        },
        {
            "id": "p3",
            "network_id": "net",
            "device_id": "vm",
            "device_owner": "compute:nova",
            "project_id": PROJECT,
        },
        {"id": "p4", "network_id": "n2", "device_id": "", "device_owner": "", "project_id": PROJECT},
    ]
    cloud.things["network/routers"] = [tagged("r1", "demo-prod"), {"id": "r2", "name": "r", **other}]
    cloud.things["network/security-groups"] = [
        tagged("s1", "demo-prod-agents"),
        {"id": "s2", "name": "s", **other},
    ]
    cloud.things["network/floatingips"] = [
        tagged("f1", "") | {"floating_ip_address": "203.0.113.8"},
        address("f2", "p1", "reserved by somebody"),
    ]
    await PROVIDER.remove_orphans(context, OrphanPhase.AFTER_DESTROY)
    assert left(cloud, "volume/volumes") == ["v2", "v4"]
    assert left(cloud, "compute/servers") == ["id-x"]
    assert left(cloud, "compute/os-server-groups") == ["g2", "g3"]
    assert left(cloud, "network/networks") == ["ext", "n2"]
    assert left(cloud, "network/ports") == ["p2", "p3", "p4"]
    assert left(cloud, "network/routers") == ["r2"]
    assert left(cloud, "network/security-groups") == ["s2"]
    assert left(cloud, "network/floatingips") == ["f2"]
    assert "PUT network/floatingips/f2" in cloud.requests


async def test_nothing_is_left(context: ProviderContext, cloud: FakeCloud) -> None:
    await PROVIDER.remove_orphans(context, OrphanPhase.BEFORE_DESTROY)
    await PROVIDER.remove_orphans(context, OrphanPhase.AFTER_DESTROY)
    assert not [asked for asked in cloud.requests if asked.startswith("DELETE")]


async def test_one_volume_that_stays_keeps_no_other(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.things["volume/volumes"] = [volume("v1", "demo-prod"), volume("v2", "demo-prod")]
    cloud.failures["DELETE volume/volumes/v1"] = (400, "Volume must not be attached")
    with pytest.raises(KbootstrapError) as caught:
        await PROVIDER.remove_orphans(context, OrphanPhase.AFTER_DESTROY)
    assert caught.value.code == "KB1134"
    assert "pvc-v1" in str(caught.value.detail)
    assert left(cloud, "volume/volumes") == ["v1"]


async def test_what_does_not_go_is_named(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.things["compute/servers"] = [server("prod-web-1")]
    cloud.failures["DELETE compute/servers/id-prod-web-1"] = (204, "")
    with pytest.raises(DeadlinePassed, match="machine prod-web-1") as caught:
        await PROVIDER.remove_orphans(context, OrphanPhase.AFTER_DESTROY)
    assert caught.value.code == "KB1134"


@pytest.mark.parametrize(
    ("states", "asked"), [(["PENDING_UPDATE", "ACTIVE"], True), (["PENDING_DELETE", None], False)]
)
def test_load_balancers_are_removed_when_their_state_lets_them(
    states: list[str | None], *, asked: bool
) -> None:
    deleted: list[str] = []

    def find(one: str) -> SimpleNamespace | None:
        now = states.pop(0) if len(states) > 1 else states[0]
        if now is None or one in deleted:
            return None
        return SimpleNamespace(id=one, name="l", provisioning_status=now)

    def delete(load: SimpleNamespace, **_: object) -> None:
        deleted.append(load.id)

    octavia = SimpleNamespace(find_load_balancer=find, delete_load_balancer=delete)
    sdk: Any = SimpleNamespace(load_balancer=octavia)
    load: Any = SimpleNamespace(id="a", name="l", vip_port_id=None)
    cleanup._remove_load_balancers(sdk, [load], lambda *_: None, CancellableWait(threading.Event()))
    assert deleted == (["a"] if asked else [])


async def test_a_thread_of_a_cancelled_caller_removes_nothing(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    cloud.things["compute/servers"] = [server("prod-web-1", status="SHUTOFF")]
    async with connected(settings(CLUSTER), context) as found:
        with pytest.raises(DeadlinePassed):
            await found.ask("answer", lambda _: found.stopped.wait(5), seconds=0.05)
        assert found.stopped.is_set()
        with pytest.raises(Interrupted):
            await cleanup.after_destroy(found, context)
        with pytest.raises(Interrupted):
            await start(found, {"id-prod-web-1": "prod-web-1"}, context)
    assert not [asked for asked in cloud.requests if asked.startswith("DELETE") or "action" in asked]
