"""Lets the other servers take over before a server stops, so that no request fails and no write waits."""

from __future__ import annotations

import shlex

from kbootstrap.cluster.converge.etcd_api import etcd_script
from kbootstrap.cluster.deadlines import COMMAND
from kbootstrap.distros.model import Distribution, Role
from kbootstrap.hosts.model import Host
from kbootstrap.spec.topology import API_PORT

_ROLES: tuple[Role, ...] = ("server", "agent")
_PATIENCE = 120
"""Seconds after which a server takes connections again, if nothing ends that before."""
_MARK = "/run/kbootstrap/hand-over"
RESUME = (
    f"rm -f {_MARK}; for program in iptables ip6tables; do $program -w 5 -S INPUT 2>/dev/null | "
    "sed -n '/kbootstrap-hand-over/s/^-A/-D/p' | "
    "while read -r rule; do $program -w 5 $rule 2>/dev/null || :; done; done"
)
"""The command by which a server takes connections again. Does nothing where it takes them.

It removes the rules as they are listed, and `hand_over.sh` repeats it for a while: kube-router, a controller
of network policies, writes the whole table `filter` as it read it before, with what was removed meanwhile.
"""


def script(distro: Distribution) -> str:
    """Return the command that hands over: the leadership of etcd, then new connections. It never fails."""
    ports = " ".join(map(str, sorted({API_PORT, distro.registration_port})))
    return etcd_script(distro, "hand_over.sh", ports=ports, mark=_MARK, resume=RESUME, patience=_PATIENCE)


async def has_stopped(host: Host, distro: Distribution) -> bool:
    """Return whether no process of the distribution's service runs on the machine."""
    units = " ".join(shlex.quote(distro.unit(role)) for role in _ROLES)
    command = f"systemctl show -p MainPID --value {units}"
    output = await host.run(command, deadline=COMMAND, check=False)
    return output.status == 0 and set(output.stdout.split()) == {"0"}


async def hand_over(host: Host, distro: Distribution) -> None:
    """Let the other servers take over from this one, which will be stopped."""
    await host.run(script(distro), deadline=COMMAND, check=False)
