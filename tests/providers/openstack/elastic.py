"""Elastic machines of the OpenStack provider for the contract suite; a cloud on loopback makes servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kbootstrap.core.workspace import Workspace
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack import PROVIDER
from kbootstrap.spec.lock import Lock, allocate
from kbootstrap.spec.pins import ImagePin
from tests.providers.contexts import define
from tests.providers.elastic_subject import Elastic
from tests.providers.openstack.cloud import (
    KEY,
    PROJECT,
    Answer,
    FakeCloud,
    Json,
    openstack,
    server,
    tagged,
)
from tests.providers.openstack.conftest import provider_context

POOLS = "    pools: [{name: web, flavor: large, anti_affinity: soft, autoscaling: {min: 1, max: 12}}]\n"
MORE = f"    ssh: {{authorized_keys: [{KEY}]}}\n"
ROOM = 3


class ServersCloud(FakeCloud):
    """A cloud in which servers can be created. `room` is how many; `made` has the requests."""

    def __init__(self, room: int = ROOM) -> None:
        super().__init__()
        self.room = room
        self.made: list[Json] = []
        group = tagged("sg-agents", "demo-prod-agents", security_group_rules=[])
        self.things |= {
            "network/networks": [*self.things["network/networks"], tagged("net", "demo-prod")],
            "network/security-groups": [group, tagged("sg-cp", "demo-prod-control-plane")],
            "compute/servers": [server("prod-web-1"), server("other", metadata={})],
            "compute/os-server-groups": [],
        }

    def _resource(self, method: str, path: str, query: dict[str, str], body: Json) -> Answer:
        if (method, path) == ("POST", "compute/servers"):
            return self._created(body)
        if (method, path) == ("POST", "compute/os-server-groups"):
            made = body["server_group"] | {"id": f"group-{len(self.requests)}", "members": []}
            self.things["compute/os-server-groups"].append(made)
            return 200, {}, {"server_group": made}
        return super()._resource(method, path, query, body)

    def _created(self, body: Json) -> Answer:
        wanted = body["server"]
        elastic = [one for one in self.things["compute/servers"] if "kbootstrap.elastic" in one["metadata"]]
        address = wanted["networks"][0]["fixed_ip"]
        if address in {one["metadata"]["kbootstrap.address"] for one in elastic}:
            text = f"Fixed IP address {address} is already in use on instance 1."
            return 400, {}, {"badRequest": {"code": 400, "message": text}}
        if len(elastic) >= self.room:
            text = "Quota exceeded for instances: Requested 1, but already used 3 of 3 instances"
            return 403, {}, {"forbidden": {"code": 403, "message": text}}
        self.made.append(body)
        one: dict[str, Any] = {
            "id": f"u-{len(self.made)}",
            "name": wanted["name"],
            "status": "BUILD",
            "created": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "tenant_id": PROJECT,
            "metadata": wanted["metadata"],
        }
        self.things["compute/servers"].append(one)
        return 202, {}, {"server": {"id": one["id"], "links": []}}


def elastic_context(folder: Path, settings: str = "", pools: str = POOLS) -> ProviderContext:
    """The context of a cluster whose image is pinned."""
    made = provider_context(folder)
    spec = openstack(settings, MORE, pools)
    lock = allocate(spec, Lock()).with_image("prod", ImagePin("Debian 12", "img-1"))
    found = define(spec, spec.clusters[0], lock)
    return ProviderContext(
        spec,
        found.cluster,
        lock,
        found.nodes,
        made.runner,
        made.env,
        made.cache,
        Workspace.beside(folder / "spec.yaml").of("prod"),
        made.redactor,
        made.emit,
    )


@contextmanager
def subject(folder: Path) -> Iterator[Elastic]:
    """Servers of an OpenStack cloud on loopback."""
    with ServersCloud() as running:
        (folder / "clouds.yaml").write_text(running.clouds_yaml())
        context = elastic_context(folder)
        machines = PROVIDER.elastic_machines
        assert machines is not None
        free = (f"10.20.4.{host}" for host in range(27, 43))
        yield Elastic(machines, context, "large", free, ROOM, ("prod-web-1", "other"))
