"""A small HTTPS server with a client certificate, as k3s has it, in the place of the Kubernetes API."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from kbootstrap.inventory.model import Endpoint

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
    """Answers with `status` and `body`, or with the first of `next_answers`; keeps the requests."""

    port: int = 0
    status: int = 200
    body: bytes = b"{}"
    requests: list[str] = field(default_factory=list)
    next_answers: list[tuple[int, bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(x.split(":")[1]) for x in head.lower().splitlines() if "content-length" in x), 0)
        content = (await reader.readexactly(length)).decode()
        self.requests.append(f"{head.splitlines()[0]} {content}".strip())
        if self.next_answers:
            self.status, self.body = self.next_answers.pop(0)
        text = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(self.body)}\r\nConnection: close\r\n\r\n"
        writer.write(text.encode() + self.body)
        await writer.drain()
        writer.close()


def at(server: Server) -> Endpoint:
    return Endpoint("127.0.0.1", server.port)
