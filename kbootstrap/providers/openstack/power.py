"""Starts machines that are shut off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kbootstrap.core.events import Event, Status, Type
from kbootstrap.providers.cloud.waiting import CancellableWait
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack.connection import Cloud

if TYPE_CHECKING:
    from openstack.connection import Connection

_START = 180.0
"""Seconds for a machine to start; a slow hypervisor needs one minute."""


async def start(cloud: Cloud, stopped: Mapping[str, str], context: ProviderContext) -> None:
    """Start machines (names by server ID) and wait until the cloud reports them as ACTIVE."""
    wait = CancellableWait(cloud.stopped)

    def starting(sdk: Connection) -> None:
        for server in stopped:
            wait.check()
            state = sdk.compute.get_server(server).status
            if state == "PAUSED":
                sdk.compute.unpause_server(server)
            elif state == "SUSPENDED":
                sdk.compute.resume_server(server)
            elif state == "SHUTOFF":
                sdk.compute.start_server(server)
        for server in stopped:
            found = sdk.compute.get_server(server)
            if found.status != "ACTIVE":
                sdk.compute.wait_for_server(
                    found, status="ACTIVE", interval=2, wait=int(_START), callback=lambda _: wait.check()
                )

    cluster = context.space.cluster
    for name in stopped.values():
        context.emit(Event(type=Type.STEP, cluster=cluster, node=name, step="start", status=Status.STARTED))
    await cloud.ask("start the machines that are shut off", starting, seconds=_START + 30)
    for name in stopped.values():
        context.emit(Event(type=Type.STEP, cluster=cluster, node=name, step="start", status=Status.DONE))
