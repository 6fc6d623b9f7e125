"""The network of the pods: on which interface it is, and whether nodes reach each other through it; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kbootstrap.cluster.deadlines import STEADY
from kbootstrap.cluster.state.api_facts import ApiFacts
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.state.wanted import Wanted, WantedNode
from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.distros.model import NodeFile
from kbootstrap.distros.paths import paths


def interface(node: WantedNode, facts: NodeFacts) -> str:
    """Return the interface that has the node's address; nothing where that is not known, or for a name."""
    return next((name for name, found in facts.addresses.items() if node.address in found), "")


def files(wanted: Wanted, node: WantedNode, facts: NodeFacts, *, settled: bool) -> Iterator[NodeFile]:
    """Yield the file that names the interface of the node's address.

    A node that runs already (`settled`) does not restart for it while the default route, which decides
    without the file, leads through the same interface.
    """
    name = interface(node, facts)
    file = wanted.distro.network_file(name) if name else None
    if file and not (settled and file.path not in facts.files and facts.default_interface == name):
        yield file


def problems(wanted: Wanted, node: WantedNode, facts: NodeFacts) -> Iterator[Diagnostic]:
    """Yield a warning where the network of the pods uses another address than the node's."""
    name = interface(node, facts)
    first = next((one for one in facts.addresses.get(name, ()) if ":" not in one), "")
    if first and first != node.address and ":" not in node.address and wanted.distro.network_file(name):
        yield Diagnostic(
            "KB0845",
            f"On {node.name} the network of the pods uses {first}, not the node's address {node.address}: "
            f"{wanted.distro.traits.title} takes the first address of {name}.",
            f"give {name} the address {node.address} before its other addresses, or {first} to another "
            "interface; then restart the service",
            severity=Severity.WARNING,
        )
    route = facts.default_interface
    if wanted.distro.follows_route and name and route and name != route:
        yield Diagnostic(
            "KB0847",
            f"On {node.name} the network of the pods uses {route}, the interface of the default route, and "
            f"the node's address {node.address} is on {name}.",
            f"let the default route lead through {name}, or choose another `cni` when you create the cluster",
            severity=Severity.WARNING,
        )


def silent(
    wanted: Wanted, facts: Mapping[str, NodeFacts], api: ApiFacts | None = None
) -> Iterator[Diagnostic]:
    """Yield an error for each node that does not answer servers through the network of the pods.

    Only nodes count whose service has run for a while, and that are Ready where `api` was asked: a new node
    is linked to the others only after it has registered.
    """
    link = wanted.distro.network.overlay
    steady = {node.name for node in wanted.nodes if _steady(wanted, node, facts.get(node.name), api)}
    for node in wanted.nodes:
        own = facts[node.name].addresses.get(link, ()) if node.name in steady else ()
        lost = [
            other.name
            for other in wanted.servers
            if other.name in steady and any(facts[other.name].overlay.get(one) is False for one in own)
        ]
        if lost:
            ports = paths(wanted.distro, "server", node.role)
            needed = " and ".join(str(one) for one in ports if one.protocol == "UDP")
            yield Diagnostic(
                "KB0846",
                f"{node.name} does not answer {', '.join(lost)} through the network of the pods ({own[0]} on "
                f"{link}).",
                f"allow {needed} between {node.address or node.name} and the other nodes",
            )


def _steady(wanted: Wanted, node: WantedNode, facts: NodeFacts | None, api: ApiFacts | None) -> bool:
    if facts is None:
        return False
    unit = facts.unit(wanted.distro.unit(node.role))
    seen = api.nodes.get(node.name) if api else None
    ready = seen is not None and seen.ready_since(unit.since) and not seen.deleted
    old = facts.time.timestamp() - unit.since >= STEADY
    return unit.active == "active" and old and (ready or api is None)
