"""Connections to many hosts: opened in parallel, closed together, with a report of every failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from kbootstrap.core.errors import CredentialsRefused, HostKeyChanged, HostUnreachable, KbootstrapError
from kbootstrap.hosts.model import Connector, Host
from kbootstrap.inventory.model import Machine

_AT_ONCE = 50
"""Concurrent connection attempts; limited because key exchange uses this machine's processor."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Open connections, and the failures of the other machines; both by node name."""

    hosts: dict[str, Host]
    failures: dict[str, KbootstrapError]


@asynccontextmanager
async def reach_all(
    connector: Connector, machines: Iterable[Machine], *, deadline: float
) -> AsyncIterator[Reached]:
    """Connect to all machines and yield the open connections and the failures; close all at the end.

    `deadline` is in seconds and applies to each machine.
    """
    hosts, failures = await _connect(connector, machines, deadline)
    try:
        yield Reached(hosts, failures)
    finally:
        await asyncio.shield(_close(hosts))


@asynccontextmanager
async def connect_all(
    connector: Connector, machines: Iterable[Machine], *, deadline: float
) -> AsyncIterator[dict[str, Host]]:
    """Connect to all machines and yield the hosts by node name; close all of them at the end.

    `deadline` is in seconds and applies to each machine. When some cannot be reached, all attempts are
    completed first; then one error lists every failed host with its cause. If the causes differ, its class is
    `HostKeyChanged` before `CredentialsRefused` before `HostUnreachable`.
    """
    async with reach_all(connector, machines, deadline=deadline) as reached:
        if reached.failures:
            raise summary(reached.failures)
        yield reached.hosts


async def _connect(
    connector: Connector, machines: Iterable[Machine], deadline: float
) -> tuple[dict[str, Host], dict[str, KbootstrapError]]:
    wanted = list(machines)
    hosts: dict[str, Host] = {}
    failures: dict[str, KbootstrapError] = {}
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(machine: Machine) -> None:
        try:
            async with gate:
                hosts[machine.name] = await connector.connect(machine, deadline=deadline)
        except KbootstrapError as error:
            failures[machine.name] = error

    try:
        async with asyncio.TaskGroup() as group:
            for machine in wanted:
                group.create_task(one(machine))
    except BaseException:
        await asyncio.shield(_close(hosts))
        raise
    order = [machine.name for machine in wanted]
    return (
        {name: hosts[name] for name in order if name in hosts},
        {name: failures[name] for name in order if name in failures},
    )


async def _close(hosts: dict[str, Host]) -> None:
    await asyncio.gather(*(host.close() for host in hosts.values()))


def summary(failures: dict[str, KbootstrapError]) -> KbootstrapError:
    """Combine several errors, by node name, into one; a single error is returned unchanged."""
    errors = list(failures.values())
    if len(errors) == 1:
        return errors[0]
    worst = next(
        (
            e
            for kind in (HostKeyChanged, CredentialsRefused, HostUnreachable)
            for e in errors
            if isinstance(e, kind)
        ),
        errors[0],
    )
    hints = list(dict.fromkeys(e.hint for e in errors if e.hint))
    return type(worst)(
        f"no connection to {len(errors)} hosts: {', '.join(failures)}",
        detail="\n".join(_named(name, error.message) for name, error in failures.items()),
        hint=worst.hint if len(hints) > 1 else "".join(hints) or None,
        code=worst.code,
        host=worst.host,
    )


def _named(name: str, message: str) -> str:
    """Prefix a message with the node's name, unless it already begins with it."""
    return message if message.startswith(f"{name} (") else f"{name}: {message}"
