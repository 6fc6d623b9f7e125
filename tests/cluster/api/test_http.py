"""Requests to the API against a small HTTPS server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kbootstrap.cluster.api.http import connect
from kbootstrap.cluster.api.model import ApiUnavailable
from kbootstrap.cluster.api.observe import observe
from kbootstrap.cluster.state.listing import Listing
from kbootstrap.cluster.state.pods import Owner
from kbootstrap.distros.additions import SecretContent
from kbootstrap.inventory.model import Endpoint
from tests.cluster.api.server import NODE, Server, at


async def test_the_certificate_is_verified_by_the_name_that_the_endpoint_says(
    server: Server, kubeconfig: str
) -> None:
    """An address that stands in no certificate, as a floating IP: `localhost` is not in this one."""
    server.body = json.dumps({"items": [NODE]}).encode()
    for name, good in ((None, False), ("127.0.0.1", True), ("10.9.0.10", False)):
        api = connect(kubeconfig, Endpoint("localhost", server.port, name))
        assert await api.ready() is good
        if good:
            assert len(await api.nodes()) == 1
        else:
            with pytest.raises(ApiUnavailable, match="does not answer correctly"):
                await api.nodes()
        await api.close()


async def test_one_node(server: Server, kubeconfig: str) -> None:
    server.body = json.dumps(NODE).encode()
    api = connect(kubeconfig, at(server))
    found = await api.node("cp-1")
    assert found is not None
    assert found.name == "cp-1"
    assert server.requests == ["GET /api/v1/nodes/cp-1 HTTP/1.1"]
    server.status = 404
    assert await api.node("cp-1") is None
    await api.close()


async def test_patch(server: Server, kubeconfig: str) -> None:
    server.body = json.dumps(NODE).encode()
    api = connect(kubeconfig, at(server))
    assert await api.patch_node("cp-1", {"metadata": {"labels": {"a": None}}})
    assert server.requests == [
        'PATCH /api/v1/nodes/cp-1?fieldManager=kbootstrap HTTP/1.1 {"metadata": {"labels": {"a": null}}}'
    ]
    server.status = 409
    assert not await api.patch_node("cp-1", {})
    await api.close()


async def test_the_number_of_pods_that_a_controller_shall_have(server: Server, kubeconfig: str) -> None:
    api = connect(kubeconfig, at(server))
    gone = {"kind": "Status", "code": 404}
    for kind, status, answer, number in (
        ("Deployment", 200, {"spec": {"replicas": 3}}, 3),
        ("StatefulSet", 200, {"spec": {"replicas": 0}}, 0),
        ("ReplicaSet", 200, {"spec": {}}, 1),
        ("ReplicationController", 404, gone, 0),
        ("DaemonSet", 200, {"spec": {}}, None),
        ("DaemonSet", 200, {"metadata": {"deletionTimestamp": "T"}, "spec": {}}, 0),
    ):
        server.next_answers = [(status, json.dumps(answer).encode())]
        assert await api.replicas(Owner(kind, "web", "shop")) == number
    paths = [line.split()[1] for line in server.requests]
    assert paths[0] == "/apis/apps/v1/namespaces/web/deployments/shop"
    assert paths[3] == "/api/v1/namespaces/web/replicationcontrollers/shop"
    await api.close()


async def test_delete(server: Server, kubeconfig: str) -> None:
    api = connect(kubeconfig, at(server))
    await api.delete_node("cp-1")
    server.status = 404
    await api.delete_node("cp-1")
    await api.close()


async def test_leases_of_a_node_are_released(server: Server, kubeconfig: str) -> None:
    """Not those of another node whose name begins alike, and none that has changed since."""

    def lease(name: str, holder: str | None) -> dict[str, object]:
        return {"metadata": {"name": name, "resourceVersion": "7"}, "spec": {"holderIdentity": holder}}

    items = [
        lease("k3s-etcd", "cp-1"),
        lease("scheduler", "cp-1_5af"),
        lease("controller", "cp-10_5af"),
        lease("free", None),
    ]
    server.body = json.dumps({"items": items}).encode()
    api = connect(kubeconfig, at(server))
    await api.release_leases("cp-1")
    place = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
    assert [request.split(" HTTP")[0] for request in server.requests] == [
        f"GET {place}",
        f"PATCH {place}/k3s-etcd?fieldManager=kbootstrap",
        f"PATCH {place}/scheduler?fieldManager=kbootstrap",
    ]
    sent = json.loads(server.requests[1].split("HTTP/1.1 ")[1])
    assert sent["metadata"] == {"resourceVersion": "7"}
    assert sent["spec"]["holderIdentity"] == ""
    await api.close()


async def test_a_secret_is_created_or_updated_in_one_request(server: Server, kubeconfig: str) -> None:
    api = connect(kubeconfig, at(server))
    await api.put_secret("cloud-config", SecretContent("m1", {"cloud.conf": "[Global]"}))
    [asked] = server.requests
    path, _, body = asked.partition(" HTTP/1.1 ")
    assert path == (
        "PATCH /api/v1/namespaces/kube-system/secrets/cloud-config?fieldManager=kbootstrap&force=true"
    )
    assert json.loads(body) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "cloud-config", "annotations": {"kbootstrap/mark": "m1"}},
        "type": "Opaque",
        "stringData": {"cloud.conf": "[Global]"},
    }
    await api.close()


async def test_a_refused_secret_is_reported_without_its_content(server: Server, kubeconfig: str) -> None:
    server.status = 403
    api = connect(kubeconfig, at(server))
    with pytest.raises(ApiUnavailable) as caught:
        await api.put_secret("cloud-config", SecretContent("m1", {"cloud.conf": "the secret"}))
    assert "the secret" not in f"{caught.value}{caught.value.detail}"
    await api.close()


@pytest.mark.parametrize(
    ("status", "meta", "mark"),
    [
        (200, {"annotations": {"kbootstrap/mark": "m1"}}, "m1"),
        (200, {"annotations": {"other": "x"}}, ""),
        (200, {}, ""),
        (404, {}, None),
    ],
)
async def test_the_mark_of_a_secret(
    server: Server, kubeconfig: str, status: int, meta: dict[str, Any], mark: str | None
) -> None:
    server.status, server.body = status, json.dumps({"metadata": meta}).encode()
    api = connect(kubeconfig, at(server))
    assert await api.secret_mark("cloud-config") == mark
    await api.close()


async def test_pods_are_deleted_by_label(server: Server, kubeconfig: str) -> None:
    api = connect(kubeconfig, at(server))
    await api.delete_pods("kbootstrap/reads=cloud-config")
    assert server.requests == [
        "DELETE /api/v1/namespaces/kube-system/pods?labelSelector=kbootstrap%2Freads%3Dcloud-config HTTP/1.1"
    ]
    await api.close()


async def test_what_the_autoscaler_leaves(server: Server, kubeconfig: str) -> None:
    api = connect(kubeconfig, at(server))
    server.body = b'{"items": [{}]}'
    assert await api.has_pods("a=b")
    server.body = b'{"items": []}'
    assert not await api.has_pods("a=b")
    server.status, server.body = 404, b"{}"
    await api.delete_lease("x")
    await api.delete_config("y")
    assert [one.partition(" HTTP")[0] for one in server.requests] == [
        "GET /api/v1/namespaces/kube-system/pods?labelSelector=a%3Db",
        "GET /api/v1/namespaces/kube-system/pods?labelSelector=a%3Db",
        "DELETE /apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x",
        "DELETE /api/v1/namespaces/kube-system/configmaps/y",
    ]
    await api.close()


@pytest.mark.parametrize(("status", "body"), [(500, b"broken"), (403, b"no"), (200, b"<html>"), (404, b"")])
async def test_useless_answers(server: Server, kubeconfig: str, status: int, body: bytes) -> None:
    server.status, server.body = status, body
    api = connect(kubeconfig, at(server))
    with pytest.raises(ApiUnavailable) as caught:
        await api.nodes()
    assert caught.value.code == "KB0817"
    assert await observe(api, patience=0.05) is None
    await api.close()


@pytest.mark.parametrize("text", ["", "{", "a: b", "clusters: [1]", "clusters: []\nusers: []", "- 1"])
def test_no_kubeconfig(text: str) -> None:
    with pytest.raises(ApiUnavailable) as caught:
        connect(text, Endpoint("127.0.0.1", 1))
    assert caught.value.code == "KB0822"


async def test_a_config_map_is_read_and_changed(server: Server, kubeconfig: str) -> None:
    server.body = json.dumps({"kind": "ConfigMap", "data": {"a": "b"}}).encode()
    api = connect(kubeconfig, at(server))
    assert await api.config("hosts") == {"a": "b"}
    await api.put_config("hosts", {"a": None})
    path = "/api/v1/namespaces/kube-system/configmaps"
    assert server.requests == [
        f"GET {path}/hosts HTTP/1.1",
        f'PATCH {path}/hosts?fieldManager=kbootstrap HTTP/1.1 {{"data": {{"a": null}}}}',
    ]
    await api.close()


async def test_a_config_map_that_is_not_there(server: Server, kubeconfig: str) -> None:
    server.status = 404
    api = connect(kubeconfig, at(server))
    assert await api.config("hosts") == {}
    with pytest.raises(ApiUnavailable, match="does not answer correctly"):  # nor may it be made here
        await api.put_config("hosts", {"a": "b"})
    request, _, body = server.requests[-1].partition(" HTTP/1.1 ")
    assert request == "POST /api/v1/namespaces/kube-system/configmaps"
    assert json.loads(body)["data"] == {"a": "b"}
    await api.close()


def page(*names: str, more: str = "") -> tuple[int, bytes]:
    items = [{"metadata": {"name": name}} for name in names]
    return 200, json.dumps({"kind": "PodList", "metadata": {"continue": more}, "items": items}).encode()


async def test_objects_are_listed_in_pages(server: Server, kubeconfig: str) -> None:
    server.next_answers = [page("a", "b", more="t1"), page("c", more="t=2"), page("d")]
    api = connect(kubeconfig, at(server))
    found = await api.objects("/api/v1/pods")
    assert [item["metadata"]["name"] for item in found.items] == ["a", "b", "c", "d"]
    assert server.requests == [
        "GET /api/v1/pods?limit=500 HTTP/1.1",
        "GET /api/v1/pods?limit=500&continue=t1 HTTP/1.1",
        "GET /api/v1/pods?limit=500&continue=t%3D2 HTTP/1.1",
    ]
    await api.close()


async def test_a_list_that_is_closed_too_early_is_read_at_once(server: Server, kubeconfig: str) -> None:
    server.next_answers = [page("a", more="t1"), (410, b"{}"), page("a", "b")]
    api = connect(kubeconfig, at(server))
    assert len((await api.objects("/api/v1/pods")).items) == 2
    assert server.requests[-1] == "GET /api/v1/pods HTTP/1.1"
    await api.close()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (403, b'{"kind": "Status", "message": "pods is forbidden"}', "pods is forbidden"),
        (403, b"no", "status 403"),
        (404, b"", "status 404"),
        (410, b"{}", "status 410"),
    ],
)
async def test_lists_that_are_refused(
    server: Server, kubeconfig: str, status: int, body: bytes, said: str
) -> None:
    """Also after the first page: a part of the objects is not all of them."""
    api = connect(kubeconfig, at(server))
    server.status, server.body = status, body
    assert await api.objects("/api/v1/pods") == Listing(refused=said)
    if status != 410:
        server.next_answers = [page("a", more="t1"), (status, body)]
        assert await api.objects("/api/v1/pods") == Listing(refused=said)
    server.status = 500
    with pytest.raises(ApiUnavailable):
        await api.objects("/api/v1/pods")
    await api.close()


async def test_an_empty_list_has_no_items(server: Server, kubeconfig: str) -> None:
    server.body = b'{"kind": "PodList", "metadata": {}, "items": null}'
    api = connect(kubeconfig, at(server))
    assert await api.objects("/api/v1/pods") == Listing()
    await api.close()
