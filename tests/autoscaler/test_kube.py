"""The requests to the Kubernetes API, against a small HTTPS server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kbootstrap.autoscaler.kube import KEEP, KubeApi, connect, event
from kbootstrap.autoscaler.model import Notice, SeenNode
from kbootstrap.autoscaler.ports import LeaderLease
from kbootstrap.cluster.api.model import ApiUnavailable
from kbootstrap.core.errors import PrerequisiteMissing
from tests.cluster.api.conftest import kubeconfig, pem, server
from tests.cluster.api.server import NODE, Server

__all__ = ["kubeconfig", "pem", "server"]
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"


@pytest.fixture
def api(server: Server, kubeconfig: str, tmp_path: Path) -> KubeApi:
    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig.replace(":6443", f":{server.port}"), encoding="utf-8")
    return connect(path)


async def test_nodes(server: Server, api: KubeApi) -> None:
    named = {**NODE, "spec": {"providerID": "k3s://cp-1"}}
    ready = {**NODE, "metadata": {"name": "cp-2"}, "spec": {}}
    ready["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
    server.body = json.dumps({"items": [named, ready]}).encode()
    assert await api.seen_nodes() == (SeenNode("cp-1", "k3s://cp-1"), SeenNode("cp-2", "", ready=True))
    await api.keep_node("cp-1")
    assert server.requests[-1].startswith("PATCH /api/v1/nodes/cp-1?")
    named["metadata"] = {**named["metadata"], "annotations": {KEEP: "true"}}
    server.body = json.dumps({"items": [named]}).encode()
    assert [node.kept for node in await api.seen_nodes()] == [True]
    server.status = 404
    await api.keep_node("cp-1")
    await api.delete_node("cp-1")
    assert server.requests[-1].startswith("DELETE /api/v1/nodes/cp-1 ")
    await api.close()


async def test_the_name_in_the_certificate(server: Server, kubeconfig: str, tmp_path: Path) -> None:
    """`apply` writes one where the API is reached through an address that the certificate lacks."""
    path = tmp_path / "kubeconfig"
    elsewhere = kubeconfig.replace("127.0.0.1:6443", f"localhost:{server.port}")
    path.write_text(elsewhere, encoding="utf-8")
    unknown = connect(path)
    with pytest.raises(ApiUnavailable) as raised:
        await unknown.seen_nodes()
    assert "certificate" in (raised.value.detail or "")
    await unknown.close()
    named = elsewhere.replace("cluster: {server:", "cluster: {tls-server-name: 127.0.0.1, server:")
    path.write_text(named, encoding="utf-8")
    server.body = b'{"items": []}'
    api = connect(path)
    assert await api.seen_nodes() == ()
    await api.close()


async def test_lease(server: Server, api: KubeApi) -> None:
    server.status = 404
    assert await api.lease() == LeaderLease()
    server.status = 201
    assert await api.put_lease(LeaderLease("cp-1_a"))
    body = json.loads(server.requests[-1].split("HTTP/1.1 ")[1])
    assert server.requests[-1].startswith(f"POST {LEASES} ")
    assert (body["spec"]["holderIdentity"], body["spec"]["leaseDurationSeconds"]) == ("cp-1_a", 15)
    spec = {"holderIdentity": "cp-1_a", "renewTime": "T", "leaseTransitions": 3}
    server.status, server.body = (
        200,
        json.dumps({"metadata": {"resourceVersion": "7"}, "spec": spec}).encode(),
    )
    found = await api.lease()
    assert found == LeaderLease("cp-1_a", "T", 3, "7")
    server.status = 409
    assert not await api.put_lease(found)
    sent = json.loads(server.requests[-1].split("HTTP/1.1 ")[1])
    assert server.requests[-1].startswith(f"PUT {LEASES}/kbootstrap-autoscaler ")
    assert sent["metadata"]["resourceVersion"] == "7"
    await api.close()


async def test_events_of_one_notice_are_one_object(server: Server, api: KubeApi) -> None:
    notice = Notice("NodeFailed", "no route", "web/small", "prod-web-b", warning=True)
    first, again = event(notice, 1, "T1"), event(notice, 2, "T2")
    assert first["metadata"] == again["metadata"]
    assert (again["count"], again["type"], again["involvedObject"]["kind"]) == (2, "Warning", "Lease")
    assert event(Notice("NodeFailed", "other"), 1, "T")["metadata"] != first["metadata"]
    server.body = b"{}"
    await api.report(notice, 1)
    assert server.requests[-1].startswith(
        f"PATCH /api/v1/namespaces/kube-system/events/{first['metadata']['name']}?"
    )
    await api.close()


@pytest.mark.parametrize("text", ["", "[", "a: b", "apiVersion: v1\nkind: Config\n"])
def test_what_is_no_kubeconfig(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PrerequisiteMissing) as raised:
        connect(path)
    assert raised.value.code == "KB1403"


def test_outside_a_cluster_a_kubeconfig_is_needed() -> None:
    with pytest.raises(PrerequisiteMissing, match="service account"):
        connect(None)
