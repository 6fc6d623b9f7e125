"""Lets the other servers take over before a server stops, so that no request fails and no write waits."""

from __future__ import annotations

import shlex
from importlib.resources import files
from pathlib import PurePosixPath

from kbootstrap.cluster.deadlines import COMMAND
from kbootstrap.distros.model import Distribution, Role
from kbootstrap.hosts.model import Host
from kbootstrap.spec.topology import API_PORT

_ROLES: tuple[Role, ...] = ("server", "agent")
_PATIENCE = 120
"""Seconds after which a server takes connections again, if nothing ends that before."""
_RULES = "/run/kbootstrap/hand-over"
RESUME = f"if [ -e {_RULES} ]; then sh {_RULES}; rm -f {_RULES}; fi"
"""The command by which a server takes connections again. Does nothing where it takes them."""


def script(distro: Distribution) -> str:
    """Return the command that hands over: the leadership of etcd, then new connections. It never fails."""
    values = {
        "data": str(PurePosixPath(distro.paths.server_token).parent),
        "kubectl": shlex.join(distro.command("kubectl")),
        "ports": " ".join(map(str, sorted({API_PORT, distro.registration_port}))),
        "patience": str(_PATIENCE),
    }
    head = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    return head + files(__package__).joinpath("hand_over.sh").read_text("utf-8")


async def has_stopped(host: Host, distro: Distribution) -> bool:
    """Return whether no process of the distribution's service runs on the machine."""
    units = " ".join(shlex.quote(distro.unit(role)) for role in _ROLES)
    command = f"systemctl show -p MainPID --value {units}"
    output = await host.run(command, deadline=COMMAND, check=False)
    return output.status == 0 and set(output.stdout.split()) == {"0"}


async def hand_over(host: Host, distro: Distribution) -> None:
    """Let the other servers take over from this one, which will be stopped."""
    await host.run(script(distro), deadline=COMMAND, check=False)
