"""Observing waits for the API and for nodes that are being deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kbootstrap.cluster.api import observe as module
from kbootstrap.cluster.api.http import connect, preload_imports
from kbootstrap.cluster.api.observe import observe
from kbootstrap.inventory.model import Endpoint
from tests.cluster.api.server import NODE, Server, at


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL", 0.01)


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
    monkeypatch.setattr(module, "POLL", 0.01)
    monkeypatch.setattr(module, "DELETING", 0.5)
    meta: dict[str, Any] = {**NODE["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    server.body = json.dumps({"items": [{**NODE, "metadata": meta}]}).encode()
    api = connect(kubeconfig, at(server))
    seen = await observe(api, patience=0.05)
    assert seen is not None
    assert seen.nodes["cp-1"].deleted
    assert len(server.requests) > 1
    await api.close()


async def test_no_server_listens(kubeconfig: str) -> None:
    api = connect(kubeconfig, Endpoint("127.0.0.1", 1))
    assert await observe(api, patience=0.05) is None
    assert not await api.ready()
    await api.close()
