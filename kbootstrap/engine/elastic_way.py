"""How the server of Cluster Autoscaler reaches what an installation needs, outside or inside the cluster.

outside   the operator's machine: outputs of OpenTofu (addresses, bastion), the agents' token over SSH
inside    a pod on the control plane: the spec alone, the agents' token in a file; no login to a server
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from kbootstrap.artifacts import node_files
from kbootstrap.artifacts.progress import PHASE
from kbootstrap.cluster.observe.credentials import first_secret
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.events import phase
from kbootstrap.engine.connect import QUICK_TIMEOUT, connector
from kbootstrap.engine.context import Context
from kbootstrap.engine.outputs import made_outputs
from kbootstrap.spec.topology import API_PORT, endpoint_address

KEPT = 60.0
"""Seconds for which a token is used that was read once: many machines join together, and tokens are rotated
rarely. A machine that fails with an old one is replaced."""
OUTPUTS = 600.0


class Way(Protocol):
    """What an installation needs of the cluster. All that is awaited raises `KbootstrapError`."""

    async def outputs(self, context: Context) -> Mapping[str, Any]:
        """Return the output contract: the endpoint, and the bastion if machines are reached through one."""

    async def token(self, context: Context) -> str:
        """Return the agents' token, in its full form."""

    async def provide(self, context: Context, arch: str) -> None:
        """Put the files of the version into the cache, as far as they are near; else they are obtained."""

    def renew(self) -> None:
        """Read everything again when it is needed: an installation has failed."""


@dataclass
class Outside:
    """From the operator's machine.

    Outputs are read once, and again after a failure, but not more often than every `OUTPUTS` seconds: reading
    them runs OpenTofu, and they change only with the cluster's endpoint or bastion.
    """

    _outputs: Mapping[str, Any] | None = None
    _token: str = field(default="", repr=False)
    _until: float = 0.0
    _read: float = 0.0
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def outputs(self, context: Context) -> Mapping[str, Any]:
        """Return the outputs of OpenTofu."""
        async with self._reading:
            if self._outputs is None:
                self._outputs = await made_outputs(context)
                self._read = time.monotonic()
            return self._outputs

    async def provide(self, context: Context, arch: str) -> None:
        """Do nothing: the operator's cache has them, or will have."""

    def renew(self) -> None:
        """Read outputs and token again when they are needed."""
        self._until = 0.0
        if time.monotonic() - self._read > OUTPUTS:
            self._outputs = None

    async def token(self, context: Context) -> str:
        """Return the token that a server has."""
        outputs = await self.outputs(context)
        async with self._reading:
            if time.monotonic() >= self._until:
                self._token = await _read_token(context, outputs)
                self._until = time.monotonic() + KEPT
            return self._token


@dataclass(frozen=True, slots=True)
class Inside:
    """From a pod on the control plane. `registration` is the host by which nodes join; empty: the spec's.

    `node_files` has the root of the file system of the pod's node, or the parts with Kubernetes' files.
    """

    agent_token: Path
    registration: str = ""
    node_files: Path | None = None

    async def provide(self, context: Context, arch: str) -> None:
        """Copy the files of the pod's node, if they are of this version."""
        if self.node_files is None:
            return
        run, kubernetes = context.runtime, context.cluster.kubernetes
        name, version = kubernetes.distribution, kubernetes.version
        with phase(run.emit, PHASE, context.cluster.name):
            await node_files.keep(
                name,
                version,
                arch,
                context.distribution.artifacts(version, arch),
                self.node_files,
                runner=run.runner,
                pin=context.lock.artifact(name, version),
                emit=run.emit,
                folder=run.cache,
            )

    def renew(self) -> None:
        """Do nothing: nothing is kept."""

    async def outputs(self, context: Context) -> Mapping[str, Any]:
        """Return what the spec says of the cluster."""
        host = {"host": self.registration or str(endpoint_address(context.cluster)), "port": API_PORT}
        own = {"spec": context.spec.name, "cluster": context.cluster.name}
        return {"kbootstrap": {**own, "endpoint": {"internal": host, "external": host}, "nodes": {}}}

    async def token(self, context: Context) -> str:
        """Return the content of the file."""
        try:
            text = await asyncio.to_thread(self.agent_token.read_text, encoding="utf-8")
        except OSError as error:
            raise PrerequisiteMissing(
                f"the agents' token cannot be read from {self.agent_token}: {error.strerror}", code="KB1407"
            ) from error
        return context.runtime.redactor.add(text.strip())


async def _read_token(context: Context, outputs: Mapping[str, Any]) -> str:
    """Read the token from the first server that answers and has it."""
    from kbootstrap.hosts.pool import reach_all

    nodes = outputs["kbootstrap"]["nodes"]
    servers = {name: node for name, node in nodes.items() if node["role"] == "server"}
    only = {**outputs, "kbootstrap": {**outputs["kbootstrap"], "nodes": servers}}
    inventory = await context.provider.inventory(
        context.provider_context, only, starting=False, tolerate_missing=[*servers]
    )
    async with reach_all(connector(context), inventory.machines.values(), deadline=QUICK_TIMEOUT) as reached:
        text = await first_secret(reached.hosts.values(), context.distribution.paths.server_agent_token)
    if not text:
        raise PrerequisiteMissing(
            f"no server of cluster {context.cluster.name} answers and has the agents' token",
            hint=f"kbootstrap status {context.spec.path}",
            detail="\n".join(error.message for error in reached.failures.values()) or None,
            code="KB1407",
        )
    return context.runtime.redactor.add(text)
