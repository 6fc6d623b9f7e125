"""Elastic machines of the local provider for the contract suite: a Docker in memory that makes containers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kbootstrap.providers.local import PROVIDER
from kbootstrap.providers.local.elastic import LEAST
from tests.providers.elastic_subject import Elastic
from tests.providers.local import fake

CLUSTER = "    network: {cidr: 10.9.0.0/16, control_plane: 10.9.0.0/24, agents: 10.9.4.0/22}\n"
OTHERS = ("c-web-1", "d-web-bcdfg")
ROOM = 3


@dataclass
class Docker:
    """Containers by name, as `inspect` shows them. `fails` has errors by the first word of a command."""

    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    fails: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, labels: dict[str, str], address: str, *, running: bool) -> None:
        joined = {"n": {"IPAddress": address if running else "", "IPAMConfig": {"IPv4Address": address}}}
        self.kept[name] = {
            "Id": f"id-{name}",
            "Name": f"/{name}",
            "State": {"Running": running},
            "Config": {"Labels": labels},
            "NetworkSettings": {"Ports": {}, "Networks": joined},
        }

    def answers(self, memory: int) -> dict[str, fake.Answer]:
        return {
            "docker info": json.dumps(fake.DOCKER | {"MemTotal": memory}),
            "docker ps --all --quiet": self._filtered,
            "docker container inspect": lambda call: fake.inspected(call, self.kept),
            "docker exec": "active\n",
            "docker create": self._create,
            "docker cp": self._copy,
            "docker start": self._start,
            "docker rm": self._remove,
        }

    def _filtered(self, call: tuple[str, ...]) -> str:
        pairs = [w.removeprefix("label=").split("=", 1) for w in call if w.startswith("label=")]
        return "\n".join(
            one["Id"]
            for one in self.kept.values()
            if all(one["Config"]["Labels"].get(key) == value for key, value in pairs)
        )

    def _create(self, call: tuple[str, ...]) -> str | tuple[int, str]:
        if "create" in self.fails:
            return 125, self.fails["create"]
        pairs = (w.removeprefix("--label=").split("=", 1) for w in call if w.startswith("--label="))
        name = call[call.index("--name") + 1]
        self.add(name, dict(pairs), call[call.index("--ip") + 1], running=False)
        return f"id-{name}\n"

    def _copy(self, call: tuple[str, ...]) -> str | tuple[int, str]:
        if "cp" in self.fails:
            return 1, self.fails["cp"]
        self.keys[call[3].partition(":")[0]] = Path(call[2]).read_text(encoding="utf-8")
        return ""

    def _start(self, call: tuple[str, ...]) -> str | tuple[int, str]:
        if "start" in self.fails:
            return 1, self.fails["start"]
        self.kept[call[2]]["State"]["Running"] = True
        return call[2]

    def _remove(self, call: tuple[str, ...]) -> str:
        for word in call[2:]:
            self.kept.pop(word.removeprefix("id-"), None)
        return ""


def made(
    folder: Path, docker: Docker, provider: str = "{local: {}}", pools: str = "[{name: web, nodes: 1}]"
) -> tuple[fake.FakeRunner, Elastic]:
    """Return the capability on this Docker, with the runner."""
    own = {"kbootstrap.spec": "s", "kbootstrap.cluster": "c", "kbootstrap.node": OTHERS[0]}
    docker.add(OTHERS[0], own, "10.9.4.11", running=True)
    other = own | {"kbootstrap.cluster": "d", "kbootstrap.node": OTHERS[1], "kbootstrap.elastic": "yes"}
    docker.add(OTHERS[1], other, "10.8.4.26", running=False)
    runner = fake.FakeRunner(docker.answers((ROOM + 1) * LEAST), ("docker",))
    fake.spec(folder, CLUSTER, provider, pools)
    context = fake.context(runner, folder)
    machines = PROVIDER.elastic_machines
    assert machines is not None
    free = (f"10.9.4.{host}" for host in range(26, 12, -1))
    return runner, Elastic(machines, context, "", free, ROOM, OTHERS)


@contextmanager
def subject(folder: Path) -> Iterator[Elastic]:
    """Containers of a Docker in memory."""
    yield made(folder, Docker())[1]
