"""Snapshots on one server: created, listed and deleted by its own program, and fetched."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import PurePosixPath

from kbootstrap.cluster.converge.tokens import FULL
from kbootstrap.cluster.deadlines import COMMAND
from kbootstrap.cluster.observe.credentials import read_secret
from kbootstrap.cluster.observe.server_command import ask_server, said
from kbootstrap.cluster.snapshots.bucket import BucketObject
from kbootstrap.cluster.snapshots.vault import PREFIX, SUFFIX, Bundle
from kbootstrap.cluster.state.snapshots import Snapshot, parse
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.redact import Redactor
from kbootstrap.distros.model import Distribution
from kbootstrap.hosts import transfer
from kbootstrap.hosts.model import Host, Output

SAVE = 600.0
"""Seconds: a second for a small cluster; gigabytes over a slow line to the bucket take minutes."""
FETCH = 600.0
FOLDER = "/var/lib/kbootstrap"


async def save(
    host: Host, distro: Distribution, name: str, waiting: Callable[[str], None] | None = None
) -> Snapshot:
    """Create a snapshot on a running server, and in its bucket; `name` is the prefix of its name.

    Raises `InstallFailed` (KB0875) where the server says that it failed, also for the bucket alone.
    """
    command = shlex.join(distro.command("etcd-snapshot", "save", "--name", name))
    before = {one.name for one in await listed(host, distro)}

    async def added() -> list[Snapshot]:
        there = await listed(host, distro)
        return [one for one in there if one.name not in before and one.name.startswith(name)]

    async def accepted(_output: Output) -> bool:
        return bool(await added())  # the program ends with 0 also where etcd gave it no data

    unit = distro.unit("server")
    output = await ask_server(host, command, unit, deadline=SAVE, waiting=waiting, accepted=accepted)
    made = await added()
    if output.status != 0 or not made:
        raise InstallFailed(
            f"{host.name}: no snapshot could be created{said(output)}",
            hint="if the spec has a bucket: does it exist, are the keys valid, can the server reach it?",
            detail=output.tail or None,
            code="KB0875",
            host=host.name,
        )
    return made[-1]


async def listed(host: Host, distro: Distribution) -> tuple[Snapshot, ...]:
    """Return the snapshots in the folder of a server; none if the folder does not exist."""
    folder = shlex.quote(distro.paths.snapshots)
    command = f"find {folder} -maxdepth 1 -type f -printf '%s %T@ %f\\n' 2>/dev/null || :"
    return parse(host.name, (await host.run(command, deadline=COMMAND)).stdout)


async def delete(
    host: Host, distro: Distribution, name: str, waiting: Callable[[str], None] | None = None
) -> None:
    """Delete a snapshot from a server and from its bucket."""
    command = shlex.join(distro.command("etcd-snapshot", "delete", name))
    output = await ask_server(host, command, distro.unit("server"), deadline=SAVE, waiting=waiting)
    if output.status != 0:
        raise InstallFailed(
            f"{host.name}: the snapshot {name} could not be deleted{said(output)}",
            hint="does the service run? Does the server reach the bucket?",
            detail=output.tail or None,
            code="KB0875",
            host=host.name,
        )


async def fetch(host: Host, distro: Distribution, name: str) -> bytes:
    """Return the content of a snapshot, verified."""
    return await transfer.fetch(host, str(PurePosixPath(distro.paths.snapshots) / name), deadline=FETCH)


async def read_bundle(host: Host, distro: Distribution, cluster: str, redactor: Redactor) -> Bundle | None:
    """Return the tokens of a server; None if it has none in the full form yet."""
    paths = distro.paths
    server, agent = await read_secret(host, paths.server_token), await read_secret(host, paths.agent_token)
    found = FULL.fullmatch(server)
    if not found or not agent:
        return None
    redactor.add(found.group(1))
    return Bundle(cluster, redactor.add(server), redactor.add(agent))


async def token_files(host: Host) -> tuple[BucketObject, ...]:
    """Return the token files on a server, the newest first; their keys are paths."""
    files = f"$(ls -1t {FOLDER}/{PREFIX}*{SUFFIX} 2>/dev/null)"
    command = f'files="{files}"; [ -z "$files" ] || stat -c "%Y %n" $files || :'
    rows = (line.split(" ", 1) for line in (await host.run(command, deadline=COMMAND)).stdout.splitlines())
    return tuple(BucketObject(row[1], 0, int(row[0])) for row in rows if len(row) == 2)
