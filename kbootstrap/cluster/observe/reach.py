"""Tries ways from machines to others (`reach.sh`), and answers on machines for a moment (`listen.sh`)."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Collection, Coroutine, Iterable, Mapping
from typing import Any, cast, get_args

from kbootstrap.cluster.deadlines import COMMAND, LISTENING, PATH, PATHS
from kbootstrap.cluster.decide.paths import between
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.paths import Answer, Target, Tried
from kbootstrap.core.concurrency import run_all
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.distros.requirements import Port
from kbootstrap.hosts.model import Host
from kbootstrap.hosts.script import shell_script


async def reach(host: Host, targets: Iterable[Target]) -> Mapping[Target, Answer]:
    """Try all targets at once from a machine.

    What could not be tried is left out: everything, where the machine lacks bash. Raises as `Host.run`.
    """
    found = {f"{one.protocol.lower()} {one.host} {one.port}": one for one in targets}
    if not found:
        return {}
    text = shell_script(__package__, "reach.sh", targets="\n".join(found), seconds=PATH)
    said = (await host.run(text, deadline=PATHS, check=False)).stdout
    answers: dict[Target, Answer] = {}
    for line in said.splitlines():
        words = line.split()
        target = found.get(" ".join(words[1:4]))
        if target and words[0] == "reach" and words[4:] and words[4] in get_args(Answer):
            answers[target] = cast("Answer", words[4])
    return answers


async def listening(host: Host) -> frozenset[int]:
    """Return the TCP ports on which the machine listens for others. Raises as `Host.run`."""
    text = shell_script(__package__, "ports.sh") + "ports others | sed 's/^/port /'"
    said = (await host.run(text, deadline=COMMAND, check=False)).stdout
    return frozenset(int(word, 16) for word in re.findall(r"^port ([0-9A-F]{1,4})$", said, re.MULTILINE))


async def try_all(
    desired: DesiredCluster, hosts: Mapping[str, Host], idle: Collection[str]
) -> tuple[Tried, ...]:
    """Try every path that nodes need among these machines.

    Where nothing listens yet on one of the `idle` machines, a process does for a moment; on others it could
    take a port from a service that starts. The paths of a machine on which a command fails are not tried.
    """
    ways = between(desired, hosts)
    needed = {
        name: {way.port for found in ways.values() for way in found if way.owner == name} for name in ways
    }
    answers: dict[str, Mapping[Target, Answer]] = {}
    there: dict[str, frozenset[str]] = {}
    processes: dict[str, str] = {}

    async def serve(name: str) -> None:
        found = await listening(hosts[name])
        busy = {one for one in needed[name] if one.protocol == "TCP" and one.number in found}
        free = sorted(needed[name] - busy, key=str) if name in idle else []
        processes[name], answered = await _answer(hosts[name], free) if free else ("", frozenset())
        there[name] = answered | {str(one) for one in busy}

    async def ask(name: str) -> None:
        answers[name] = await reach(hosts[name], [way.target for way in ways[name]])

    async def end(name: str) -> None:
        if processes.get(name):
            await hosts[name].run(f"kill {processes[name]}", deadline=COMMAND, check=False)

    try:
        await run_all(_tolerant(serve(name)) for name in ways)
        await run_all(_tolerant(ask(name)) for name in ways)
    finally:
        await asyncio.shield(run_all(_tolerant(end(name)) for name in processes))
    return tuple(
        Tried(
            name,
            way,
            answers.get(name, {}).get(way.target),
            answers=str(way.port) in there.get(str(way.owner), ()),
        )
        for name, found in ways.items()
        for way in found
    )


async def _answer(host: Host, ports: Iterable[Port]) -> tuple[str, frozenset[str]]:
    """Answer on ports of a machine; return the process, and the ports: none where there is no tool."""
    words = " ".join(f"{one.protocol.lower()}/{one.number}" for one in ports)
    text = shell_script(__package__, "listen.sh", ports=words, seconds=LISTENING)
    said = (await host.run(text, deadline=COMMAND, check=False)).stdout
    found = re.findall(r"^answers (tcp|udp)/(\d{1,5})$", said, re.MULTILINE)
    process = re.search(r"^listener (\d+)$", said, re.MULTILINE)
    return process[1] if process else "", frozenset(f"{kind.upper()} {port}" for kind, port in found)


async def _tolerant(work: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(KbootstrapError):
        await work
