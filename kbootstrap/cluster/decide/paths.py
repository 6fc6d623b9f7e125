"""Which paths a node needs to the others, and what follows from the answers; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from kbootstrap.cluster.state.desired import DesiredCluster, DesiredNode
from kbootstrap.cluster.state.paths import Answer, Path, Target, Tried
from kbootstrap.distros.paths import joining, paths
from kbootstrap.distros.requirements import Port

_SHOWN = 3
"""Names in one line; more are counted."""
HELP = (
    "allow it in the firewalls of both machines (nft list ruleset, iptables -S, firewall-cmd, ufw status) "
    "and of the network between them"
)
_UNTRIED = (
    "the port is in use, a service or another run of kbootstrap is starting, or a machine lacks bash, or "
    "both python3 and perl"
)
_WORDS: dict[Answer, str] = {
    "open": "it answers",
    "refused": "the connection is refused",
    "rejected": "the connection is rejected (ICMP)",
    "unnamed": "its name has no address there",
    "silent": "no answer",
}


@dataclass(frozen=True, slots=True)
class PathFinding:
    """A line about paths. `ok` is None where a path could not be tried."""

    name: str
    ok: bool | None
    found: str
    help: str = ""


def to_join(desired: DesiredCluster, node: DesiredNode) -> tuple[Path, ...]:
    """Return what a node must reach to join: where nodes join; a server the other servers too."""
    ports = joining(desired.distro, node.role)
    owners = {one.address: one.name for one in desired.servers if one.address}
    hosts = [urlsplit(desired.registration).hostname or ""]
    if node.role == "server":
        hosts += owners
    reached = [host for host in dict.fromkeys(hosts) if host and host != node.address]
    everywhere = [port for port in ports if port.peers == "nodes"]
    return tuple(
        Path(Target(port.protocol, host, port.number), port, owners.get(host))
        for host in reached
        for port in (ports if host in owners else everywhere)
    )


def between(desired: DesiredCluster, names: Iterable[str]) -> dict[str, tuple[Path, ...]]:
    """Return by node what it must reach on the other nodes of `names` whose addresses are known."""
    nodes = [node for node in desired.nodes if node.name in {*names} and node.address]
    return {
        source.name: tuple(
            Path(Target(port.protocol, node.address, port.number), port, node.name)
            for node in nodes
            if node.address != source.address
            for port in paths(desired.distro, source.role, node.role)
        )
        for source in nodes
    }


def closed(source: str, path: Path, answer: Answer, witness: str) -> str:
    """Return what is wrong with a path from a node; `witness` is a server that reaches a foreign host."""
    where = f"{path.target} ({path.port.purpose})"
    if path.owner:
        where = f"{path.port} of {path.owner}, {path.target.host} ({path.port.purpose})"
    known = f"{path.owner} listens on it" if path.owner else f"{witness} reaches it"
    return f"{source} does not reach {where}: {_WORDS[answer]}, although {known}"


def judge(tried: Sequence[Tried]) -> Iterator[PathFinding]:
    """Yield a line about the open paths, and one for each port that is closed or was not tried."""
    good = [one for one in tried if one.answer == "open"]
    if good:
        ports = dict.fromkeys(str(one.path.port) for one in good)
        count = f"{len(good)} paths answer" if len(good) > 1 else "1 path answers"
        yield PathFinding("paths between machines", ok=True, found=f"{count}: {', '.join(ports)}")
    bad: dict[tuple[Port, str | None, Answer], list[Tried]] = {}
    unknown: dict[Port, list[Tried]] = {}
    for one in tried:
        if _closed(one) and one.answer:
            bad.setdefault((one.path.port, one.path.owner, one.answer), []).append(one)
        elif one.answer != "open":
            unknown.setdefault(one.path.port, []).append(one)
    for (port, owner, answer), found in bad.items():
        text = (
            f"{port} ({port.purpose}) is closed for {_names(one.source for one in found)}: {_WORDS[answer]}"
        )
        help_ = f"the machine itself answers on {port}: {HELP}" if found[0].answers else HELP
        yield PathFinding(str(owner), ok=False, found=text, help=help_)
    for port, found in unknown.items():
        text = f"{port} ({port.purpose}) was not probed to {_names(str(one.path.owner) for one in found)}"
        yield PathFinding("paths between machines", ok=None, found=text, help=_why(port))


def _closed(one: Tried) -> bool:
    """Whether a path is certainly closed: where nothing answers, a machine itself refuses TCP at once."""
    if one.answer in (None, "open"):
        return False
    return one.answers or (one.path.port.protocol == "TCP" and one.answer != "refused")


def _why(port: Port) -> str:
    if port.protocol == "UDP":
        return f"nothing answers there: {_UNTRIED}"
    return f"nothing listens there yet, and doctor could not do so for a moment: {_UNTRIED}"


def _names(names: Iterable[str]) -> str:
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more
