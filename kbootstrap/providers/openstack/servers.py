"""Reads the states of servers, and detects servers that the project does not have."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import TYPE_CHECKING

from kbootstrap.providers.openstack.connection import Cloud

if TYPE_CHECKING:
    from openstack.connection import Connection

GONE = frozenset({"DELETED", "SOFT_DELETED"})
UNKNOWN = "UNKNOWN"
"""The state of a server that the cloud fails to return."""


async def states(cloud: Cloud, wanted: Collection[str]) -> dict[str, str]:
    """Return the states of servers by ID, without those that the project does not have.

    A list omits servers whose cell is down, so missing servers are requested individually.
    """
    listed = await cloud.ask_once("list the machines", _listed)
    found = {one: listed[one] for one in wanted if one in listed}
    missing = sorted(set(wanted) - set(found))
    if not missing:
        return found

    def ask(sdk: Connection) -> dict[str, str]:
        return {one: state for one in missing if (state := state_of(sdk, one))}

    return found | await cloud.ask("list the machines", ask)


def _listed(sdk: Connection) -> dict[str, str]:
    return {server.id: str(server.status) for server in sdk.compute.servers()}


def state_of(sdk: Connection, one: str) -> str | None:
    """Return the state of one server: `UNKNOWN` if the cloud cannot return it, None if it is missing."""
    from openstack.exceptions import HttpException, NotFoundException

    try:
        server = sdk.compute.get_server(one)
    except NotFoundException:
        return None
    except HttpException as error:
        if (error.status_code or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return UNKNOWN
        raise
    # For administrators the list has the servers of all projects.
    ours = server.project_id in {None, sdk.session.get_project_id()}
    return str(server.status) if ours else None
