"""Reads secrets from servers: the admin kubeconfig and tokens. Each is registered for redaction first."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Iterable, Mapping

from kbootstrap.cluster.deadlines import COMMAND, KUBECONFIG, POLL
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.core.errors import InstallFailed, KbootstrapError
from kbootstrap.core.redact import Redactor
from kbootstrap.distros.model import Distribution
from kbootstrap.hosts.model import Host


async def fetch_kubeconfig(
    hosts: Mapping[str, Host],
    facts: Mapping[str, NodeFacts],
    distro: Distribution,
    redactor: Redactor,
    *,
    tolerant: bool = False,
) -> str | None:
    """Return the admin kubeconfig of the first server that has one, as the distribution wrote it.

    Its server is `https://127.0.0.1:6443`; its secrets are registered. None where no server of `facts` has
    cluster data yet. A server whose service runs goes first. After `converge` use what that returns.
    `tolerant`: a server that does not answer is passed over.
    """
    unit = distro.unit("server")
    members = [found for found in facts.values() if found.etcd and found.name in hosts]
    for found in sorted(members, key=lambda one: not one.unit(unit).started):
        try:
            text = await read_secret(hosts[found.name], distro.paths.kubeconfig)
        except KbootstrapError:
            if not tolerant:
                raise
            continue
        if text:
            return _register(text, redactor)
    return None


async def await_kubeconfig(host: Host, distro: Distribution, redactor: Redactor) -> str:
    """Read the kubeconfig of a server that has just become ready; it is written at about that moment."""
    try:
        async with asyncio.timeout(KUBECONFIG):
            text = await read_secret(host, distro.paths.kubeconfig)
            while not text:
                await asyncio.sleep(POLL)
                text = await read_secret(host, distro.paths.kubeconfig)
    except TimeoutError:
        raise InstallFailed(
            f"{host.name} has written no kubeconfig",
            hint=f"look at {distro.paths.kubeconfig} on that machine",
            code="KB0822",
            host=host.name,
        ) from None
    return _register(text, redactor)


async def read_secret(host: Host, path: str) -> str:
    """Return the content of a file without the last newline; empty where there is none."""
    output = await host.run(f"cat {shlex.quote(path)}", deadline=COMMAND, check=False)
    return output.stdout.rstrip("\n") if output.status == 0 else ""


async def first_secret(hosts: Iterable[Host], path: str) -> str:
    """Return the content of the file from the first host that has it; empty where none has."""
    for host in hosts:
        text = await read_secret(host, path)
        if text:
            return text
    return ""


def _register(kubeconfig: str, redactor: Redactor) -> str:
    for secret in re.findall(r"^\s*(?:client-key-data|token|password):\s*(\S+)", kubeconfig, re.MULTILINE):
        redactor.add(secret)
    return kubeconfig
