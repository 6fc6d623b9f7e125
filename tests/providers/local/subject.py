"""The local provider for the contract suite, with answers of Docker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kbootstrap.providers.local import PROVIDER
from kbootstrap.providers.local.claims import endpoint_name, network_name
from tests.providers.local import fake
from tests.providers.subject import Subject, contract


@contextmanager
def subject(folder: Path) -> Iterator[Subject]:
    """Containers, with Docker's answers."""
    runner = fake.FakeRunner({})
    context = fake.context(runner, folder, {"KBOOTSTRAP_ENGINE": "docker"})
    spec, cluster = context.spec.name, context.cluster.name
    names = [*(node.name for node in context.nodes), endpoint_name(context.cluster)]
    key: dict[str, fake.Answer] = {
        "docker info": json.dumps(fake.DOCKER),
        "docker exec": "ssh-ed25519 AAAA root@x\n",
        "docker cp": "a tar archive",
        "docker network ls --quiet": "id\n",
        "docker network ls --format": f"{network_name(spec, cluster)}\n",
        "docker network inspect": json.dumps([{"Name": network_name(spec, cluster), "Labels": {}}]),
    }

    def item(name: str) -> dict[str, Any]:
        labels = {"kbootstrap.instance": f"id-{name}"}
        if name != endpoint_name(context.cluster):
            labels["kbootstrap.node"] = name
        return {"Name": name, "Labels": labels, "Ports": {22: 40001}}

    def lose(*gone: str) -> None:
        names[:] = [name for name in names if name not in gone]
        runner.answers = {**fake.containers(*map(item, names)), **key}

    lose()
    network = {"id": "n", "name": network_name(spec, cluster)}
    verbs = {"rm", "start", "stop", "kill", "run", "create"}
    yield Subject(
        PROVIDER,
        context,
        contract(context, network=network),
        lambda: len(runner.calls),
        lambda: [" ".join(call) for call in runner.calls if verbs & set(call[1:3])],
        lose,
    )
