"""The states of servers, told apart from those that the project does not have."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import TYPE_CHECKING

from kbootstrap.providers.openstack.connection import Cloud

if TYPE_CHECKING:
    from openstack.connection import Connection

GONE = frozenset({"DELETED", "SOFT_DELETED"})
UNKNOWN = "UNKNOWN"
"""What stands for the state of a server that the cloud fails to show."""


async def states(cloud: Cloud, wanted: Collection[str]) -> dict[str, str]:
    """Return the states of servers by ID, without those that the project does not have.

    A list leaves out servers whose part of the cloud (cell) is down; so whatever it lacks is asked for alone.
    """

    def ask(sdk: Connection) -> dict[str, str]:
        found = {server.id: str(server.status) for server in sdk.compute.servers() if server.id in wanted}
        missing = sorted(set(wanted) - set(found))
        return found | {one: state for one in missing if (state := alone(sdk, one))}

    return await cloud.ask("list the machines", ask)


def alone(sdk: Connection, one: str) -> str | None:
    """Return the state of one server; `UNKNOWN` where the cloud fails to say, None for one of no such ID."""
    from openstack.exceptions import HttpException, NotFoundException

    try:
        server = sdk.compute.get_server(one)
    except NotFoundException:
        return None
    except HttpException as error:
        if (error.status_code or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return UNKNOWN
        raise
    # Administrators are shown the servers of every project.
    ours = server.project_id in {None, sdk.session.get_project_id()}
    return str(server.status) if ours else None
