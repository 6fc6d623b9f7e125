"""Client for containers and networks of both engines (`inspect`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from typing import Any

from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.process import Runner
from kbootstrap.providers.local.engine import Engine

SPEC = "kbootstrap.spec"
CLUSTER = "kbootstrap.cluster"
NODE = "kbootstrap.node"
INSTANCE = "kbootstrap.instance"
OWNER = "kbootstrap.owner"
"""Labels. OWNER is the folder of the cluster's root module: two checkouts of one spec are two owners."""

_NOT_THERE = re.compile("could not find|could not be found|no such file|not found", re.IGNORECASE)
"""Errors of `cp` in Docker and Podman for a file that does not exist."""
_NO_CONTAINER = re.compile("no such container", re.IGNORECASE)
"""Errors of `inspect` in Docker and Podman, one line for each container that does not exist."""
_ASK = 60.0
_ACT = 120.0


@dataclass(frozen=True, slots=True)
class Container:
    """One container. `ports` maps the container's TCP ports to ports of the loopback address.

    `addresses` are its current addresses, and those configured for it while it is stopped.
    """

    name: str
    id: str
    running: bool
    labels: Mapping[str, str]
    ports: Mapping[int, int]
    addresses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EngineNetwork:
    """One network of the engine."""

    name: str
    labels: Mapping[str, str]
    subnets: tuple[IPv4Network, ...]


class Containers:
    """Runs commands of one engine. Names and filters have the format of its command line."""

    def __init__(self, engine: Engine, runner: Runner) -> None:
        self.engine = engine
        self._runner = runner

    async def named(self, names: Iterable[str]) -> dict[str, Container]:
        """Return those of `names` that exist, by name."""
        wanted = list(dict.fromkeys(names))
        # `inspect` also finds containers whose ID begins with a name.
        return {one.name: one for one in await self._inspect(wanted) if one.name in wanted}

    async def labelled(self, labels: Mapping[str, str]) -> tuple[Container, ...]:
        """Return every container that has all of `labels`."""
        output = await self._run("ps", "--all", "--quiet", "--no-trunc", *_filters(labels), deadline=_ASK)
        return await self._inspect(output.split())

    async def all(self) -> tuple[Container, ...]:
        """Return every container of the engine."""
        return await self.labelled({})

    async def start(self, names: Iterable[str]) -> None:
        """Start existing containers. Running containers are not changed."""
        wanted = list(names)
        if wanted:
            await self._run("start", *wanted, deadline=_ACT)

    async def read(self, name: str, path: str) -> str:
        """Return a file of a running container; empty if it does not exist."""
        argv = [self.engine.program, "exec", name, "cat", path]
        result = await self._runner.run(argv, deadline=_ASK, check=False)
        return result.stdout if result.status == 0 else ""

    async def append(self, container: str, path: str, content: bytes) -> None:
        """Append to a file of a running container."""
        script = ["sh", "-c", 'cat >> "$1"', "sh", path]
        argv = [self.engine.program, "exec", "--interactive", container, *script]
        await self._runner.run(argv, deadline=_ASK, stdin=content)

    async def has(self, container: str, path: str) -> bool:
        """Return whether a running or stopped container has a file."""
        argv = [self.engine.program, "cp", f"{container}:{path}", "-"]
        result = await self._runner.run(argv, deadline=_ASK, check=False)
        if result.status == 0:
            return True
        if _NOT_THERE.search(result.stderr):
            return False
        raise KbootstrapError(
            f"{self.engine.command} cannot determine whether the container {container[:12]} has {path}",
            hint=f"inspect the container with `{self.engine.command} inspect {container[:12]}`",
            detail=result.tail or None,
        )

    async def remove(self, ids: Iterable[str]) -> None:
        """Remove containers with their anonymous volumes."""
        wanted = list(ids)
        if wanted:
            # Without this option Podman waits ten seconds for a clean stop; Docker does not.
            now = ["--time=0"] if self.engine.command == "podman" else []
            await self._run("rm", "--force", "--volumes", *now, *wanted, deadline=_ACT)

    async def network_names(self) -> frozenset[str]:
        """Return the names of every network of the engine."""
        return frozenset((await self._run("network", "ls", "--format", "{{.Name}}", deadline=_ASK)).split())

    async def networks(self) -> tuple[EngineNetwork, ...]:
        """Return every network of the engine."""
        ids = (await self._run("network", "ls", "--quiet", deadline=_ASK)).split()
        if not ids:
            return ()
        argv = [self.engine.program, "network", "inspect", *ids]
        result = await self._runner.run(argv, deadline=_ASK, check=False)
        return tuple(_network(item) for item in _items(result.stdout))

    async def remove_network(self, name: str) -> None:
        """Remove a network."""
        await self._run("network", "rm", name, deadline=_ACT)

    async def _inspect(self, names: list[str]) -> tuple[Container, ...]:
        if not names:
            return ()
        argv = [self.engine.program, "container", "inspect", *names]
        result = await self._runner.run(argv, deadline=_ASK, check=False)
        # The output has the containers that exist, also when others do not.
        errors = result.stderr.splitlines()
        if result.status and not (errors and all(map(_NO_CONTAINER.search, errors))):
            raise KbootstrapError(
                f"{self.engine.command} cannot inspect containers", detail=result.tail or None
            )
        return tuple(_container(item) for item in _items(result.stdout))

    async def _run(self, *arguments: str, deadline: float) -> str:
        return (await self._runner.run([self.engine.program, *arguments], deadline=deadline)).stdout


def _filters(labels: Mapping[str, str]) -> list[str]:
    return [part for key, value in labels.items() for part in ("--filter", f"label={key}={value}")]


def _items(text: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return []
    return [item for item in found if isinstance(item, dict)]


def _container(item: Mapping[str, Any]) -> Container:
    ports: dict[int, int] = {}
    for inside, bound in ((item.get("NetworkSettings") or {}).get("Ports") or {}).items():
        number, _, protocol = inside.partition("/")
        if bound and protocol in {"tcp", ""}:
            ports[int(number)] = int(bound[0]["HostPort"])
    return Container(
        name=str(item["Name"]).removeprefix("/"),
        id=str(item["Id"]),
        running=bool((item.get("State") or {}).get("Running")),
        labels=(item.get("Config") or {}).get("Labels") or {},
        ports=ports,
        addresses=frozenset(_addresses(item)),
    )


def _addresses(item: Mapping[str, Any]) -> Iterator[str]:
    for joined in ((item.get("NetworkSettings") or {}).get("Networks") or {}).values():
        configured = (joined.get("IPAMConfig") or {}).get("IPv4Address")
        yield from filter(None, (joined.get("IPAddress"), configured))


def _network(item: Mapping[str, Any]) -> EngineNetwork:
    """Parse the format of Docker (`Name`, `IPAM`) or of Podman (`name`, `subnets`)."""
    configs = (item.get("IPAM") or {}).get("Config") or item.get("subnets") or ()
    written = (str(config.get("Subnet") or config.get("subnet") or "") for config in configs)
    found = (ip_network(text, strict=False) for text in written if text)
    return EngineNetwork(
        name=str(item.get("Name") or item.get("name")),
        labels=item.get("Labels") or item.get("labels") or {},
        subnets=tuple(network for network in found if isinstance(network, IPv4Network)),
    )
