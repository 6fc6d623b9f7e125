"""The API door against a small HTTPS server with a client certificate, as k3s has it."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.cluster import api as api_module
from kbootstrap.cluster.api import ApiUnavailable, connect, observe, preload_imports, read_node
from kbootstrap.distros.additions import SecretContent
from kbootstrap.inventory.model import Endpoint
from kbootstrap.spec.model import Taint

NODE: dict[str, Any] = {
    "metadata": {
        "name": "cp-1",
        "resourceVersion": "12",
        "labels": {"tier": "web"},
        "annotations": {"kbootstrap/applied": "{}"},
    },
    "spec": {
        "unschedulable": True,
        "taints": [
            {"key": "dedicated", "value": "db", "effect": "NoSchedule"},
            {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": "T"},
        ],
    },
    "status": {
        "nodeInfo": {"kubeletVersion": "v1.32.0+k3s1"},
        "addresses": [{"type": "InternalIP", "address": "10.9.0.11"}],
        "conditions": [
            {
                "type": "Ready",
                "status": "False",
                "message": "network plugin is not ready",
                "lastHeartbeatTime": "2026-11-22T13:00:00Z",
            },
            {"type": "EtcdIsVoter", "status": "True"},
        ],
    },
}


@dataclass
class Server:
    """Answers with `status` and `body`; keeps the requests."""

    port: int = 0
    status: int = 200
    body: bytes = b"{}"
    requests: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(x.split(":")[1]) for x in head.lower().splitlines() if "content-length" in x), 0)
        content = (await reader.readexactly(length)).decode()
        self.requests.append(f"{head.splitlines()[0]} {content}".strip())
        text = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(self.body)}\r\nConnection: close\r\n\r\n"
        writer.write(text.encode() + self.body)
        await writer.drain()
        writer.close()


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pem")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
            "-days",
            "2",
            "-subj",
            "/CN=test",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
async def server(pem: Path) -> AsyncIterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem / "cert.pem", pem / "key.pem")
    context.load_verify_locations(pem / "cert.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    found = Server()
    listening = await asyncio.start_server(found.serve, "127.0.0.1", 0, ssl=context)
    found.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield found


@pytest.fixture
def kubeconfig(pem: Path) -> str:
    def data(name: str) -> str:
        return base64.b64encode((pem / name).read_bytes()).decode()

    return f"""\
apiVersion: v1
kind: Config
current-context: default
contexts: [{{name: default, context: {{cluster: default, user: default}}}}]
clusters:
- name: default
  cluster: {{server: "https://127.0.0.1:6443", certificate-authority-data: {data("cert.pem")}}}
users:
- name: default
  user: {{client-certificate-data: {data("cert.pem")}, client-key-data: {data("key.pem")}}}
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_module, "POLL", 0.01)


def at(server: Server) -> Endpoint:
    return Endpoint("127.0.0.1", server.port)


def test_read_node() -> None:
    node = read_node(NODE)
    assert (node.name, node.ready, node.version, node.etcd) == ("cp-1", False, "v1.32.0+k3s1", True)
    assert node.reason == "network plugin is not ready"
    assert node.taints[0] == Taint("dedicated", "db", "NoSchedule")
    assert node.taint_times == {"node.kubernetes.io/unreachable:NoExecute": "T"}
    assert node.applied == "{}"
    assert node.unschedulable
    assert node.heartbeat == 1795352400
    assert node.addresses == ("10.9.0.11",)


def test_read_a_node_that_has_just_registered() -> None:
    node = read_node({"metadata": {"name": "n"}})
    assert (node.ready, node.version, node.etcd, node.labels) == (False, "", None, {})


async def test_nodes(server: Server, kubeconfig: str) -> None:
    preload_imports()
    server.body = json.dumps({"items": [NODE]}).encode()
    api = connect(kubeconfig, at(server))
    seen = await observe(api, patience=0.05)
    assert seen is not None
    assert list(seen.nodes) == ["cp-1"]
    assert server.requests == ["GET /api/v1/nodes HTTP/1.1"]
    assert await api.ready()
    await api.close()


async def test_nodes_that_are_being_deleted_are_waited_for(
    server: Server, kubeconfig: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "POLL", 0.01)
    monkeypatch.setattr(api_module, "DELETING", 0.5)
    meta: dict[str, Any] = {**NODE["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    server.body = json.dumps({"items": [{**NODE, "metadata": meta}]}).encode()
    api = connect(kubeconfig, at(server))
    seen = await observe(api, patience=0.05)
    assert seen is not None
    assert seen.nodes["cp-1"].deleted
    assert len(server.requests) > 2
    await api.close()


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


async def test_delete(server: Server, kubeconfig: str) -> None:
    api = connect(kubeconfig, at(server))
    await api.delete_node("cp-1")
    server.status = 404
    await api.delete_node("cp-1")
    await api.close()


async def test_a_secret_is_made_or_changed_in_one_request(server: Server, kubeconfig: str) -> None:
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


async def test_a_refused_secret_is_told_without_its_content(server: Server, kubeconfig: str) -> None:
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


@pytest.mark.parametrize(("status", "body"), [(500, b"broken"), (403, b"no"), (200, b"<html>"), (404, b"")])
async def test_useless_answers(server: Server, kubeconfig: str, status: int, body: bytes) -> None:
    server.status, server.body = status, body
    api = connect(kubeconfig, at(server))
    with pytest.raises(ApiUnavailable) as caught:
        await api.nodes()
    assert caught.value.code == "KB0817"
    assert await observe(api, patience=0.05) is None
    await api.close()


async def test_nobody_listens(kubeconfig: str) -> None:
    api = connect(kubeconfig, Endpoint("127.0.0.1", 1))
    assert await observe(api, patience=0.05) is None
    assert not await api.ready()
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
