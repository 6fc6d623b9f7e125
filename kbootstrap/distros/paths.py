"""Which port one node must reach on another one, by role; read from a distribution's list of ports. Pure."""

from __future__ import annotations

from kbootstrap.distros.model import Distribution, Role
from kbootstrap.distros.requirements import Port


def paths(distro: Distribution, source: Role, target: Role) -> tuple[Port, ...]:
    """Return the ports of a node of role `target` that another node, of role `source`, must reach."""
    return tuple(
        one
        for one in distro.requirements(target)
        if isinstance(one, Port) and (one.peers == "nodes" or (one.peers == "servers" and source == "server"))
    )


def joining(distro: Distribution, source: Role) -> tuple[Port, ...]:
    """Return the ports of a server without which a node of role `source` cannot join."""
    return tuple(one for one in paths(distro, source, "server") if one.joining)
