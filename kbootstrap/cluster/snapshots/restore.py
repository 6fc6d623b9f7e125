"""The steps of a restore on machines; each is idempotent. `apply` does the rest.

The mark (`marks.py`) says on every server that a restore was begun, and how far it is there. While it is
there, `apply` refuses (`refusals.restoring`): old servers that start beside the one that was
reset would be a second cluster. Units are disabled meanwhile, so that a reboot starts none.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection

from kbootstrap.cluster.deadlines import COMMAND
from kbootstrap.cluster.observe.server_command import ask_server, refused
from kbootstrap.cluster.snapshots.vault import Bundle
from kbootstrap.cluster.state.restore_mark import Mark
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.redact import Redactor
from kbootstrap.distros.model import Distribution, Role
from kbootstrap.hosts.model import Host

MARK = "/var/lib/kbootstrap/restore"
UNIT = "kbootstrap-restore.service"
FILE = "/var/lib/kbootstrap/restore.snapshot"
STOP = 180.0
RESET = 900.0
"""Seconds: 21 s were measured; a large snapshot comes from a bucket first."""


async def mark(host: Host, how_far: Mark) -> None:
    """Record the progress of the restore on this server."""
    await host.put(f"{how_far}\n".encode(), MARK, mode=0o600, deadline=COMMAND)


async def unmark(host: Host) -> None:
    """Remove the record: the restore is complete."""
    await host.run(f"rm -f {FILE} {MARK}", deadline=COMMAND)


async def stop(host: Host, distro: Distribution, role: Role) -> None:
    """Stop a node's service, and a reset that a killed run left running; a reboot starts neither.

    On servers the control plane ends too: what went on would serve the old state.
    """
    unit = shlex.quote(distro.unit(role))
    await host.run(
        f"systemctl stop {UNIT} 2>/dev/null; systemctl disable --quiet {unit} 2>/dev/null; "
        f"systemctl stop {unit}",
        deadline=STOP,
    )
    if role == "server" and distro.halt:
        await host.run(distro.halt, deadline=STOP)


async def reset(
    host: Host, distro: Distribution, path: str, *, from_bucket: bool, new: Bundle | None
) -> None:
    """Replace this server's data with the snapshot; it becomes the only member of etcd.

    `path` is the file on the server, or its name in the bucket. `new` are the tokens of the snapshot, where
    the server carries another cluster: then what it had of that goes away.
    """
    paths = distro.paths
    join = distro.join_file(role="server", initial=True, registration="")
    await host.put(join.content.encode(), join.path, mode=join.mode, deadline=COMMAND)
    if new:
        data = shlex.quote(paths.server)
        await host.run(f"rm -rf {data}/tls {data}/cred {data}/token {data}/agent-token", deadline=COMMAND)
        await _forget_identity(host, distro)
        # The second is what k3s looks for before it reads `token-file` (its source, `pkg/cli/server`).
        for place in (paths.token, paths.server_token):
            await host.put(new.server.encode(), place, mode=0o600, deadline=COMMAND)
        await host.put(new.agent.encode(), paths.agent_token, mode=0o600, deadline=COMMAND)
    words = distro.command("server", "--cluster-reset", f"--cluster-reset-restore-path={path}")
    words += () if from_bucket else ("--etcd-s3=false",)
    # A unit of its own: it does not end half way when our connection does.
    flag = shlex.quote(f"{paths.etcd.rpartition('/')[0]}/reset-flag")
    command = f"rm -f {flag}; systemctl reset-failed {UNIT} 2>/dev/null; "
    command += f"systemd-run --quiet --wait --collect --unit={UNIT} -- {shlex.join(words)}"
    output = await host.run(command, deadline=RESET, check=False)
    if output.status != 0:
        said = await host.run(f"journalctl --no-pager -o cat -n 20 -u {UNIT}", deadline=COMMAND, check=False)
        raise InstallFailed(
            f"{host.name}: the snapshot could not be restored",
            hint="the previous data is kept in etcd-old-… beside etcd on that server; choose another "
            "snapshot "
            "and run `kbootstrap snapshot restore` again. The token must be that of the snapshot",
            detail=said.stdout.strip() or None,
            code="KB0876",
            host=host.name,
        )


async def wipe(host: Host, distro: Distribution, role: Role, *, everything: bool) -> None:
    """Delete a stopped node's membership, so that it joins again; `everything`: in another cluster."""
    paths = distro.paths
    if role == "server":
        # Snapshots stay; etcd's own data is what must not start again.
        await host.run(f"rm -rf {shlex.quote(paths.etcd)}", deadline=COMMAND)
        if everything:
            data = shlex.quote(paths.server)
            await host.run(f"rm -rf {data}/tls {data}/cred {data}/token {data}/agent-token", deadline=COMMAND)
    if everything:
        await _forget_identity(host, distro)
        tokens = shlex.join([paths.token, paths.agent_token])
        await host.run(f"rm -f {tokens}", deadline=COMMAND)


async def forget_nodes(
    host: Host,
    distro: Distribution,
    keep: Collection[str],
    known: Collection[str],
    *,
    redactor: Redactor,
    waiting: Callable[[str], None],
) -> None:
    """Delete Node objects that are not in `keep`, and the node passwords of those in `known`.

    A machine that was made again since the snapshot has another password, and would be rejected. The server
    has just started, so it is asked again while it is not ready.
    """
    kubectl = shlex.join(distro.command("kubectl", "--kubeconfig", distro.paths.kubeconfig))

    async def ask(words: str) -> str:
        command, unit = f"{kubectl} {words}", distro.unit("server")
        output = await ask_server(host, command, unit, deadline=COMMAND, waiting=waiting)
        if output.status != 0:
            raise refused(host, command, output, redactor)
        return output.stdout

    names = (await ask("get nodes -o name")).split()
    stale = [name for name in names if name.removeprefix("node/") not in keep]
    if stale:
        await ask(f"delete --wait=false --ignore-not-found {shlex.join(stale)}")
    secrets = shlex.join([f"secret/{distro.password_secret(name)}" for name in known])
    await ask(f"-n kube-system delete --ignore-not-found {secrets}")


async def _forget_identity(host: Host, distro: Distribution) -> None:
    """Delete the certificates that a node's agent got from another cluster."""
    data = shlex.quote(distro.paths.images.rpartition("/")[0])
    await host.run(
        f"rm -f {data}/*.crt {data}/*.key {data}/*.kubeconfig {data}/etc/*-load-balancer.json",
        deadline=COMMAND,
    )
