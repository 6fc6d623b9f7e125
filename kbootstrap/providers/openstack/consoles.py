"""Console logs of servers, for their host keys."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from kbootstrap.providers.cloud.host_keys import Console, NoConsole
from kbootstrap.providers.openstack.connection import Cloud

if TYPE_CHECKING:
    from openstack.connection import Connection


def console(cloud: Cloud) -> Console:
    """Return a function that reads the console log of a server."""

    async def read(server: str) -> str | NoConsole:
        return await cloud.ask("return the console log of a machine", lambda sdk: _log(sdk, server))

    return read


def _log(sdk: Connection, server: str) -> str | NoConsole:
    """Return the console log. Blocks."""
    from keystoneauth1.exceptions import ConnectFailure
    from openstack.exceptions import HttpException

    try:
        return str(sdk.compute.get_server_console_output(server).get("output") or "")
    except HttpException as error:
        # 409 while the machine is built; the others if there is no console, or access is denied.
        if error.status_code in {403, 404, 501}:
            return NoConsole.REFUSED
        if error.status_code == 409:
            return ""
        if (error.status_code or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return NoConsole.FAILED
        raise
    except ConnectFailure:  # usually a timeout
        return NoConsole.FAILED
