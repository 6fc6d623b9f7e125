"""`docs/reference/machines.md`: what a machine must have, from the lists of the distributions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kbootstrap import distros
from kbootstrap.cluster.decide.preflight import SKEW_LIMIT
from kbootstrap.distros.model import Distribution, Role
from kbootstrap.distros.requirements import (
    CgroupController,
    FreeSpace,
    KernelModule,
    Memory,
    Port,
    Program,
    Requirement,
    UsableFolder,
)

_ROLES: tuple[Role, ...] = ("server", "agent")
_EVERY = f"""\
# What machines need

<!-- Written by `make docs` from kbootstrap/distros/. -->

`kbootstrap doctor` and the checks before an installation look at this list. With every
distribution a machine needs besides:

- systemd as its first process; amd64 or arm64; a clock that is right to {SKEW_LIMIT} seconds;
- a default route, even to nowhere: nodes find their own address through it;
- SSH for a user who is root, or has sudo without a password.
"""

_PORTS = """\
Before an installation, kbootstrap checks that the TCP ports are free. Before a node joins, and in
`doctor` where machines exist, it checks that the nodes reach them
([ssh.md](../ssh.md#paths-between-machines)).
"""


def page() -> str:
    """Return the page."""
    return "\n".join([_EVERY, *(line for one in distros.every() for line in _distribution(one))])


def _distribution(distribution: Distribution) -> Iterator[str]:
    server, agent = (distribution.requirements(role) for role in _ROLES)
    yield f"## {distribution.traits.title}\n"
    if not distribution.traits.supported:
        yield "Cannot be installed yet; its configuration is rendered.\n"
    yield from _table(["", "server", "agent"], _amounts(server, agent))
    yield from _table(
        ["port", "on", "reached by", "for"],
        [[str(one), _on(one, agent), _peers(one), one.purpose] for one in server if isinstance(one, Port)],
    )
    yield _PORTS
    yield from _table(
        ["machine", "without it"], [[_name(one), _without(one)] for one in server if _name(one)]
    )


def _amounts(server: Iterable[Requirement], agent: Iterable[Requirement]) -> list[list[str]]:
    mine = list(zip(_sizes(server), _sizes(agent), strict=True))
    return [[name, first, second] for (name, first), (_, second) in mine]


def _sizes(needs: Iterable[Requirement]) -> Iterator[tuple[str, str]]:
    for need in needs:
        match need:
            case Memory():
                yield "memory", f"{need.enough} MiB; refused below {need.least}"
            case FreeSpace():
                yield f"free below {need.folder}", f"{need.size} MiB"


def _on(port: Port, agent: Iterable[Requirement]) -> str:
    return "every node" if port in agent else "servers"


def _peers(port: Port) -> str:
    named = {"nodes": "every node", "servers": "the other servers", "self": "the node itself"}[port.peers]
    return f"{named}, and {port.clients}" if port.clients else named


def _name(need: Requirement) -> str:
    match need:
        case Program():
            return f"program `{need.name}`" + (" (builds from source only)" if need.bundled else "")
        case KernelModule():
            return f"kernel module `{need.name}`"
        case CgroupController():
            return f"cgroup controller `{need.name}`"
        case UsableFolder():
            return f"`{need.folder}` not mounted {' or '.join(f'`{option}`' for option in need.refused)}"
    return ""


def _without(need: Requirement) -> str:
    match need:
        case Program() | KernelModule():
            return f"{'refused' if need.vital else 'a warning'}: it is for {need.purpose}"
        case UsableFolder():
            return f"refused: {need.purpose}"
    return "refused: the kubelet does not start"


def _table(head: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |".replace("|  |", "| |")
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""
