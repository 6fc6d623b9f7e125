"""Rotation on a machine: activates and retires tokens, moves certificates away so that they are renewed."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from kbootstrap.cluster.converge.tokens import NEXT, StagedTokens
from kbootstrap.cluster.deadlines import ACTIVATE, COMMAND, RENEW
from kbootstrap.cluster.observe.credentials import read_secret
from kbootstrap.cluster.observe.server_command import ask_server, said
from kbootstrap.core.concurrency import run_all
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.redact import Redactor
from kbootstrap.distros.model import Distribution
from kbootstrap.hosts.model import Host
from kbootstrap.hosts.script import shell_script

RETIRED = "/var/lib/kbootstrap/tokens-until-"
"""On servers: prefix of the names of files with retired tokens; the time of their end (epoch) follows."""


async def stage_tokens(servers: Sequence[Host], tokens: StagedTokens) -> None:
    """Write new tokens beside the old ones on servers; every plan changes to them from then on."""
    await run_all(host.put(tokens.text().encode(), NEXT, mode=0o600, deadline=COMMAND) for host in servers)


async def activate(host: Host, distro: Distribution, waiting: Callable[[str], None]) -> None:
    """Make a running server use the tokens that are staged on all servers. Idempotent.

    Raises `InstallFailed` (KB0886) when it refuses; it has undone a partial change. A server that is not
    ready yet is asked again.
    """
    values = {
        "name": distro.name,
        "port": str(distro.registration_port),
        "data": distro.paths.server,
        "token": distro.paths.token,
        "server_token": distro.paths.server_token,
        "kubectl": shlex.join(distro.command("kubectl")),
        "next": NEXT,
    }
    text = shell_script(__package__, "activate.sh", **values)
    output = await ask_server(host, text, distro.unit("server"), deadline=ACTIVATE, waiting=waiting)
    if output.status != 0:
        raise InstallFailed(
            f"{host.name} rejects the new tokens{said(output)}",
            hint="nothing was restarted. Is every server Ready (kbootstrap status)? "
            "Then run the same command again: it continues with the same tokens",
            detail=output.tail or None,
            code="KB0886",
            host=host.name,
        )


async def is_active(host: Host, unit: str) -> bool:
    """Return whether a unit is active now."""
    command = f"systemctl is-active --quiet {shlex.quote(unit)}"
    return (await host.run(command, deadline=COMMAND, check=False)).status == 0


async def age_password_file(host: Host, unit: str, distro: Distribution) -> None:
    """Stop a failing unit, and make its password file older than the cluster's: the next start uses that.

    A server that starts with the old token, while another one still accepts it, writes that token into the
    file again. Then the file is newer than the cluster's data, and no start succeeds (k3s v1.32,
    `pkg/cluster/bootstrap.go`: a difference of three seconds is fatal). The content stays where it is.
    """
    passwords = shlex.quote(f"{distro.paths.server}/cred/passwd")
    await host.run(
        f"systemctl stop {shlex.quote(unit)}; touch --no-create --date=@1 {passwords}", deadline=RENEW
    )


async def retire_tokens(host: Host, distro: Distribution) -> None:
    """Keep the old tokens for the snapshots of their time, and remove the staged file. Idempotent.

    The service has written its password file when the new ones came into use; other servers copy its time
    (k3s source, `pkg/bootstrap`).
    """
    passwords, staged = shlex.quote(f"{distro.paths.server}/cred/passwd"), shlex.quote(NEXT)
    await host.run(
        f"[ -e {staged} ] || exit 0; umask 077; set -e; place={RETIRED}$(stat -c %Y {passwords}); "
        f'grep ^old- {staged} > "$place.new"; mv "$place.new" "$place"; rm -f {staged}',
        deadline=COMMAND,
    )


async def retire(host: Host, server: str, agent: str) -> None:
    """Keep the tokens that were in use until now: the full server token and the agents' password."""
    text, place = f"old-server {server}\nold-agent {agent}\n", f"{RETIRED}new"
    await host.put(text.encode(), place, mode=0o600, deadline=COMMAND)  # whole, or not at all
    await host.run(f"mv {place} {RETIRED}$(date +%s)", deadline=COMMAND)


async def retired(host: Host, moment: int, redactor: Redactor) -> tuple[str, str] | None:
    """Return the retired tokens that were in use at a moment (epoch); None if those are still in use."""
    listing = (await host.run(f"ls -1 {RETIRED}* 2>/dev/null || :", deadline=COMMAND)).stdout.split()
    times = sorted(int(end) for path in listing if (end := path.removeprefix(RETIRED)).isdigit())
    until = next((time for time in times if moment < time), None)
    if until is None:
        return None
    text = await read_secret(host, f"{RETIRED}{until}")
    words = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
    server, agent = words.get("old-server", ""), words.get("old-agent", "")
    return (redactor.add(server), redactor.add(agent)) if server and agent else None


async def remove_certificates(host: Host, unit: str, distro: Distribution) -> None:
    """Stop the unit and move its certificates away; the service creates new ones when it starts.

    The program keeps a copy in `tls-<epoch>`. Raises `InstallFailed` (KB0887).
    """
    rotate = shlex.join(distro.command("certificate", "rotate"))
    command = f"systemctl stop {shlex.quote(unit)} && {rotate} 2>&1"
    output = await host.run(command, deadline=RENEW, check=False)
    if output.status != 0:
        raise InstallFailed(
            f"{host.name}: its certificates could not be moved away{said(output)}",
            hint=f"{unit} is stopped; the next apply starts it. Nothing further was changed",
            detail=output.tail or None,
            code="KB0887",
            host=host.name,
        )
