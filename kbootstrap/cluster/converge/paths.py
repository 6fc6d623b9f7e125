"""Verifies that a node reaches its cluster before it waits for it, as far as something listens there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kbootstrap.cluster.converge.cluster_run import ClusterRun
from kbootstrap.cluster.deadlines import PATH_LOOKS, PATH_PAUSE
from kbootstrap.cluster.decide.paths import HELP, closed, to_join
from kbootstrap.cluster.observe.reach import listening, reach
from kbootstrap.cluster.state.paths import Path
from kbootstrap.core.errors import InstallFailed


async def verify_paths(run: ClusterRun, name: str, waiting: Callable[[str], None]) -> None:
    """Raise `InstallFailed` (KB0839) when the node cannot reach what it joins through.

    A path is closed when it does not answer in several looks although something does at its end: on a
    server's machine a program listens on the port; another host (a load balancer, a virtual IP) answers a
    server. A path on whose end nothing listens yet is passed over.
    """
    left = to_join(run.desired, run.desired.node(name))
    for look in range(PATH_LOOKS):
        if look:
            await asyncio.sleep(PATH_PAUSE)
        answers = await reach(run.hosts[name], [path.target for path in left])
        left = tuple(path for path in left if answers.get(path.target, "open") != "open")
        witnesses = {path: await _witness(run, name, path) for path in left}
        left = tuple(path for path in left if witnesses[path])
        if not left:
            return
        texts = [closed(name, path, answers[path.target], witnesses[path]) for path in left]
        if look == 0:
            waiting(texts[0])
    more = f" (and {len(texts) - 1} more, see below)" if len(texts) > 1 else ""
    raise InstallFailed(
        f"{texts[0]}{more}",
        hint=f"{HELP}; then run the same command again",
        detail="\n".join(texts) if len(texts) > 1 else None,
        code="KB0839",
        host=name,
    )


async def _witness(run: ClusterRun, name: str, path: Path) -> str:
    """Return the server that knows that something answers at the end of a path; nothing where none does."""
    if path.owner:
        host = run.hosts.get(path.owner)
        return path.owner if host and path.target.port in await listening(host) else ""
    for server in run.desired.servers:
        if server.name != name and (host := run.hosts.get(server.name)):
            return server.name if (await reach(host, [path.target])).get(path.target) == "open" else ""
    return ""
