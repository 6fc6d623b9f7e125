"""Elastic machines: servers with the cluster's metadata and `kbootstrap.elastic`, made without OpenTofu."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing
from kbootstrap.providers.cloud.operator_keys import authorized_keys
from kbootstrap.providers.cloud.waiting import CancellableWait
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.elastic import (
    ADDRESS,
    ELASTIC,
    FLAVOR,
    POOL,
    AddressTaken,
    ElasticMachine,
    MachineOrder,
    MachinePhase,
    OutOfResources,
    Shape,
)
from kbootstrap.providers.openstack.elastic_order import (
    ServerGroupName,
    ServerRequest,
    server_request,
)
from kbootstrap.providers.openstack.logins import LOGINS
from kbootstrap.providers.openstack.names import GROUP_MEMBERS, marked, ours, owner
from kbootstrap.providers.openstack.render_machines import image_id
from kbootstrap.providers.openstack.servers import GONE, UNKNOWN
from kbootstrap.providers.openstack.settings import settings

if TYPE_CHECKING:
    from openstack.compute.v2.server import Server
    from openstack.connection import Connection
    from openstack.exceptions import HttpException

_BUILDING = frozenset({"BUILD", "REBUILD"})
_EXHAUSTED = re.compile(r"no valid host|quota|exceed|not enough|insufficient|no more", re.IGNORECASE)
"""Faults of servers for which there was no room (Nova: `NoValidHost`, `…LimitExceeded`)."""
_FULL = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
"""What Nova answers when a quota is exhausted."""
_TAKEN = re.compile(r"already (in use|allocated|used)|AlreadyInUse|AlreadyAllocated", re.IGNORECASE)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
"""From the image's property `hw_architecture` or `architecture` (Glance, "Useful image properties")."""


class ElasticServers:
    """Implements `ElasticMachines`."""

    async def list(self, context: ProviderContext) -> tuple[ElasticMachine, ...]:
        """Return the cluster's elastic servers; fails if the cloud leaves out what a server is."""
        async with LOGINS.cloud(context) as cloud:
            return await cloud.ask("list the machines", lambda sdk: _every(sdk, context))

    async def create(self, context: ProviderContext, order: MachineOrder) -> ElasticMachine:
        """Request a server, unless there is one of this name."""
        chosen = settings(context.cluster)
        keys = await authorized_keys(context, optional=chosen.key_pair is not None)
        request = server_request(context, order, keys)
        async with LOGINS.cloud(context) as cloud:

            def make(sdk: Connection) -> ElasticMachine:
                if found := next((one for one in _every(sdk, context) if one.name == order.name), None):
                    return found
                CancellableWait(cloud.stopped).check()
                return _make(sdk, context, request)

            return await cloud.ask("create a machine", make)

    async def delete(self, context: ProviderContext, machine: ElasticMachine) -> None:
        """Request the deletion of a server. Nova deletes its port, Cinder its boot volume."""
        async with LOGINS.cloud(context) as cloud:
            await cloud.ask(
                "delete a machine", lambda sdk: sdk.compute.delete_server(machine.id, ignore_missing=True)
            )

    async def shapes(self, context: ProviderContext, flavors: Collection[str]) -> Mapping[str, Shape]:
        """Return the resources of flavors, with the labels of the cloud controller."""
        async with LOGINS.cloud(context) as cloud:
            return await cloud.ask(
                "list the flavors", lambda sdk: _shapes(sdk, context, flavors, cloud.region)
            )


def _every(sdk: Connection, context: ProviderContext) -> tuple[ElasticMachine, ...]:
    found = []
    project = sdk.session.get_project_id()
    for server in sdk.compute.servers():
        if server.project_id not in {None, project}:  # for administrators the list has those of all projects
            continue
        if server.status == UNKNOWN and not server.metadata:
            raise PrerequisiteMissing(
                f"the cloud does not say at the moment what the machine {server.id} is",
                hint="a part of the cloud is down (a cell of Nova); it answers again when that is repaired",
                code="KB1105",
            )
        if marked(context.spec, context.cluster, server.metadata) and ELASTIC in server.metadata:
            found.append(_machine(sdk, context, server))
    return tuple(found)


def _machine(sdk: Connection, context: ProviderContext, server: Server) -> ElasticMachine:
    tags: Mapping[str, str] = server.metadata
    fault = ""
    if server.status == "ERROR":  # lists do not have faults
        from openstack.exceptions import NotFoundException

        try:
            fault = str((sdk.compute.get_server(server.id).fault or {}).get("message") or "")
        except NotFoundException:
            fault = "the machine is gone"
    controller = settings(context.cluster).cloud_controller is not None
    return ElasticMachine(
        id=server.id,
        name=server.name,
        pool=tags.get(POOL, ""),
        flavor=tags.get(FLAVOR, ""),
        address=tags.get(ADDRESS, ""),
        phase=_phase(server),
        created=_epoch(server.created_at),
        fault=fault or ("the cloud reports ERROR" if server.status == "ERROR" else ""),
        exhausted=bool(_EXHAUSTED.search(fault)),
        provider_id=f"openstack:///{server.id}" if controller else "",
    )


def _phase(server: Server) -> MachinePhase:
    if server.status in GONE or server.task_state == "deleting":
        return MachinePhase.DELETING
    if server.status == "ERROR":
        return MachinePhase.FAILED
    return MachinePhase.CREATING if server.status in _BUILDING else MachinePhase.RUNNING


def _epoch(text: str | None) -> float:
    """Read a time of Nova, which is UTC."""
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _make(sdk: Connection, context: ProviderContext, request: ServerRequest) -> ElasticMachine:
    from openstack.exceptions import HttpException

    body = {
        **request.body,
        "flavor_id": _flavor(sdk, request.flavor),
        "networks": [{"uuid": _network(sdk, context), "fixed_ip": request.address}],
        "security_groups": [{"name": _security_group(sdk, context)}],
    }
    try:
        if request.group:
            body["scheduler_hints"] = {"group": _server_group(sdk, request.group)}
        made = sdk.compute.create_server(**body)
    except HttpException as error:
        raise _refused(error, request.address) from error
    # The answer to the request has only an ID.
    return _machine(sdk, context, sdk.compute.get_server(made.id))


def _refused(error: HttpException, address: str) -> Exception:
    """Return what a refusal means; `error` itself if it is none of those that the server expects."""
    text = " ".join(filter(None, (error.details, error.message, str(error))))
    if error.status_code in _FULL and _EXHAUSTED.search(text):
        return OutOfResources(f"the quota of the project is exhausted: {error.details or error.message}")
    if (
        error.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT}
        and _TAKEN.search(text)
        and address in text
    ):
        return AddressTaken(f"the address {address} is in use")
    return error


def _flavor(sdk: Connection, name: str) -> str:
    found = next((one for one in sdk.compute.flavors() if one.name == name), None)
    if found is None:
        raise _missing(f"the cloud has no flavor '{name}'", "openstack flavor list")
    return str(found.id)


def _network(sdk: Connection, context: ProviderContext) -> str:
    """Return the ID of the cluster's network: an existing one of the spec, or the one with its tags."""
    existing = settings(context.cluster).existing
    if existing is not None and existing.network is not None:
        named = sdk.network.find_network(existing.network, ignore_missing=True)
        found = [named] if named else []
    else:
        listed = sdk.network.networks(project_id=sdk.session.get_project_id())
        found = [one for one in listed if ours(context.spec, context.cluster, one)]
    if len(found) != 1:
        raise _missing(f"cluster {context.cluster.name} has {len(found)} networks in the cloud")
    return str(found[0].id)


def _security_group(sdk: Connection, context: ProviderContext) -> str:
    name = f"{owner(context.spec, context.cluster)}-agents"
    listed = sdk.network.security_groups(project_id=sdk.session.get_project_id())
    found = [one for one in listed if one.name == name and ours(context.spec, context.cluster, one)]
    if len(found) != 1:
        raise _missing(f"cluster {context.cluster.name} has {len(found)} security groups named {name}")
    return str(found[0].id)


def _server_group(sdk: Connection, wanted: ServerGroupName) -> str:
    """Return the ID of a group of this name with a free place; create it if there is none."""
    for group in sdk.compute.server_groups():
        if group.name == wanted.name and len(group.member_ids or ()) < GROUP_MEMBERS:
            return str(group.id)
    return str(sdk.compute.create_server_group(name=wanted.name, policy=wanted.policy).id)


def _shapes(
    sdk: Connection, context: ProviderContext, flavors: Collection[str], region: str
) -> dict[str, Shape]:
    chosen = settings(context.cluster)
    image = sdk.image.find_image(image_id(context.spec, context.cluster, context.lock), ignore_missing=True)
    kind = str((getattr(image, "architecture", None) or getattr(image, "hw_architecture", None)) or "")
    zones = chosen.availability_zones
    place = {
        **({"topology.kubernetes.io/region": region} if region else {}),
        **({"topology.kubernetes.io/zone": zones[0]} if len(zones) == 1 else {}),
    }
    controller = chosen.cloud_controller is not None

    def shape(flavor: Any) -> Shape:  # noqa: ANN401 - a resource of the SDK
        labels = {"node.kubernetes.io/instance-type": flavor.name, **place} if controller else {}
        disk = chosen.boot_volume.size_gib if chosen.boot_volume else int(flavor.disk or 0)
        return Shape(
            int(flavor.vcpus or 0), int(flavor.ram or 0), disk, _ARCHITECTURES.get(kind, "amd64"), labels
        )

    return {flavor.name: shape(flavor) for flavor in sdk.compute.flavors() if flavor.name in flavors}


def _missing(message: str, command: str = "") -> KbootstrapError:
    hint = f"`{command}` lists them" if command else "`kbootstrap apply` creates what is missing"
    return PrerequisiteMissing(message, hint=hint, code="KB1111")
