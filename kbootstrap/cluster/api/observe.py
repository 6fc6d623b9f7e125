"""Asks the Kubernetes API again until it answers, and reads facts about nodes from it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kbootstrap.cluster.api.model import Api, ApiUnavailable
from kbootstrap.cluster.deadlines import API, DELETING, OBSERVE, POLL
from kbootstrap.cluster.decide.host_record import read_record
from kbootstrap.cluster.state.api_facts import ApiFacts

T = TypeVar("T")


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Repeat a request until the API answers, up to `API` seconds: etcd may be electing a leader.

    `ask` must be idempotent. Raises `ApiUnavailable` when that takes longer.
    """
    begun = time.monotonic()
    while True:
        try:
            return await ask()
        except ApiUnavailable:
            if time.monotonic() - begun > API:
                raise
        await asyncio.sleep(POLL)


async def observe(
    api: Api,
    secret: str | None = None,
    record: str | None = None,
    pods: str | None = None,
    *,
    patience: float = OBSERVE,
) -> ApiFacts | None:
    """Return the nodes as the API reports them, the marks of `secret` and `pods`, the machines in `record`.

    None when it does not answer within `patience` seconds. Nodes that are being deleted are waited for: until
    then their machines are members of etcd, and a moment later they are not.
    """
    begun = time.monotonic()
    while True:
        try:
            mark = await api.secret_mark(secret) if secret else None
            pods_mark = await api.secret_mark(pods) if pods else None
            machines = read_record(await api.config(record)) if record else {}
            nodes = {node.name: node for node in await api.nodes()}
            if time.monotonic() - begun > DELETING or not any(node.deleted for node in nodes.values()):
                return ApiFacts(nodes, mark, machines, pods_mark)
        except ApiUnavailable:
            if time.monotonic() - begun > patience:
                return None
        await asyncio.sleep(POLL)
