"""The network of the pods: on which interface it is, and whether nodes reach each other through it; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kbootstrap.cluster.deadlines import STEADY
from kbootstrap.cluster.state.api_facts import ApiFacts
from kbootstrap.cluster.state.desired import DesiredCluster, DesiredNode
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.distros.model import NodeFile
from kbootstrap.distros.paths import paths


def interface(node: DesiredNode, facts: NodeFacts) -> str:
    """Return the interface that has the node's address; nothing where that is not known, or for a name."""
    return next((name for name, found in facts.addresses.items() if node.address in found), "")


def files(
    desired: DesiredCluster, node: DesiredNode, facts: NodeFacts, *, settled: bool
) -> Iterator[NodeFile]:
    """Yield the file that names the interface of the node's address.

    A node that runs already (`settled`) does not restart for it while the default route, which decides
    without the file, leads through the same interface.
    """
    name = interface(node, facts)
    file = desired.distro.network_file(name) if name else None
    if file and not (settled and file.path not in facts.files and facts.default_interface == name):
        yield file


def problems(desired: DesiredCluster, node: DesiredNode, facts: NodeFacts) -> Iterator[Diagnostic]:
    """Yield a warning where the network of the pods uses another address than the node's."""
    name = interface(node, facts)
    first = next((one for one in facts.addresses.get(name, ()) if ":" not in one), "")
    if first and first != node.address and ":" not in node.address and desired.distro.network_file(name):
        yield Diagnostic(
            "KB0845",
            f"On {node.name} the network of the pods uses {first}, not the node's address {node.address}: "
            f"{desired.distro.traits.title} takes the first address of {name}.",
            f"give {name} the address {node.address} before its other addresses, or {first} to another "
            "interface; then restart the service",
            severity=Severity.WARNING,
        )
    route = facts.default_interface
    if desired.distro.follows_route and name and route and name != route:
        yield Diagnostic(
            "KB0847",
            f"On {node.name} the network of the pods uses {route}, the interface of the default route, and "
            f"the node's address {node.address} is on {name}.",
            f"let the default route lead through {name}, or choose another `cni` when you create the cluster",
            severity=Severity.WARNING,
        )


def silent(
    desired: DesiredCluster, facts: Mapping[str, NodeFacts], api: ApiFacts | None = None
) -> Iterator[Diagnostic]:
    """Yield an error for each node that does not answer servers through the network of the pods.

    Only nodes count whose service has run for a while, and that are Ready where `api` was asked: a new node
    is linked to the others only after it has registered.
    """
    link = desired.distro.network.overlay
    steady = {node.name for node in desired.nodes if _steady(desired, node, facts.get(node.name), api)}
    for node in desired.nodes:
        own = facts[node.name].addresses.get(link, ()) if node.name in steady else ()
        lost = [
            other.name
            for other in desired.servers
            if other.name in steady and any(facts[other.name].overlay.get(one) is False for one in own)
        ]
        if lost:
            ports = paths(desired.distro, "server", node.role)
            needed = " and ".join(str(one) for one in ports if one.protocol == "UDP")
            yield Diagnostic(
                "KB0846",
                f"{node.name} does not answer {', '.join(lost)} through the network of the pods ({own[0]} on "
                f"{link}).",
                f"allow {needed} between {node.address or node.name} and the other nodes",
            )


def _steady(
    desired: DesiredCluster, node: DesiredNode, facts: NodeFacts | None, api: ApiFacts | None
) -> bool:
    if facts is None:
        return False
    unit = facts.unit(desired.distro.unit(node.role))
    seen = api.nodes.get(node.name) if api else None
    ready = seen is not None and seen.ready_since(unit.since) and not seen.deleted
    old = facts.time.timestamp() - unit.since >= STEADY
    return unit.active == "active" and old and (ready or api is None)
