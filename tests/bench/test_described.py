"""What a measurement says of one run: connections, facts, and which hosts were changed."""

from __future__ import annotations

from bench.scale.hosts import described
from bench.scale.nodes import Call
from bench.scale.program import Measured

RUN = Measured(status=0, wall=2.345, processor=1.5, memory=80.123, sockets=4, output="")


def test_described() -> None:
    calls = [
        *(Call(host, "facts") for host in ("cp-1", "w-1", "w-1")),
        Call("cp-1", "lease"),
        Call("cp-1", "cat /etc/rancher/k3s/k3s.yaml"),
        Call("w-1", "put /usr/local/bin/k3s"),
        Call("api", "GET /api/v1/nodes"),
    ]
    found = described(RUN, calls, {"cp-1": 1, "w-1": 2})
    assert found == {
        "wall": 2.35,
        "processor": 1.5,
        "memory": 80.12,
        "sockets": 4,
        "connections": {"hosts": 2, "most_to_one": 2},
        "facts": {"hosts": 2, "most_to_one": 2},
        "other_commands": {"lease": 1, "cat": 1, "put": 1},
        "changed_hosts": {"count": 1, "first": ["w-1"]},
        "api": {"GET": 1},
    }
