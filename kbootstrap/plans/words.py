"""Summaries of a plan in one line: the headline and the totals."""

from __future__ import annotations

from collections.abc import Iterable

from kbootstrap.cluster.decide.order import Batches
from kbootstrap.plans.model import DANGER, ClusterEntry, NodeEntry, PlanDocument
from kbootstrap.tofu.plan import Kind

REFUSED = "Refused: fix these errors first"
NOTHING = "Nothing to do: the clusters match the spec"
_MOST = 8
"""Batches of nodes that are named; more are counted."""
_MACHINES: tuple[tuple[Kind, str], ...] = (
    ("delete", "removed"),
    ("replace", "replaced"),
    ("create", "added"),
)


def count(number: int, noun: str) -> str:
    """Write a number with its noun: `1 node`, `2 nodes`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def headline(document: PlanDocument) -> str:
    """Write the summary for a decision: `2 clusters change, 1 machine is replaced`."""
    if document.refused:
        return "Refused: this change is not possible"
    changing = [cluster for cluster in document.clusters if not cluster.empty]
    if not changing:
        return NOTHING
    parts = [_verb(len(changing), "cluster", "changes", "change")]
    for kind, word in _MACHINES:
        number = sum(len(cluster.machines(kind)) for cluster in changing)
        if number:
            parts.append(_verb(number, "machine", f"is {word}", f"are {word}"))
    restarted = sum(1 for cluster in changing for node in cluster.nodes if node.restarts)
    if restarted:
        parts.append(_verb(restarted, "node", "restarts its service", "restart their service"))
    blind = sum(1 for cluster in changing if cluster.unseen)
    if blind:
        parts.append(f"the nodes of {count(blind, 'cluster')} could not be inspected")
    return ", ".join(parts)


def totals(document: PlanDocument) -> str:
    """Write the last line of a plan: everything that is done, by kind."""
    if document.refused:
        return REFUSED
    clusters, parts = document.clusters, []
    for kind in reversed(DANGER):
        number = sum(cluster.counts.get(kind, 0) for cluster in clusters)
        if number:
            parts.append(f"{number} to {kind}")
    parts += _nodes(clusters)
    moved = sum(len(cluster.moves) for cluster in clusters)
    if moved:
        parts.append(f"{moved} to rename")
    if not parts and any(cluster.outputs for cluster in clusters):
        parts.append("outputs to update")
    return f"Plan: {', '.join(parts)}" if parts else NOTHING


def _nodes(clusters: Iterable[ClusterEntry]) -> list[str]:
    parts, found = [], tuple(clusters)
    nodes = [node for cluster in found for node in cluster.nodes]
    if nodes:
        steps = sum(len(node.steps) for node in nodes)
        parts.append(f"{count(steps, 'step')} on {count(len(nodes), 'node')}")
    new = sum(len(cluster.install) for cluster in found)
    if new:
        parts.append(f"{count(new, 'node')} to install")
    if any(cluster.unseen for cluster in found):
        parts.append("nodes to be inspected again")
    return parts


def from_to(before: str, after: str) -> str:
    """Write a value that may change: `3 → 5`, or `3` if it stays."""
    return after if before == after else f"{before} → {after}"


def nodes_text(cluster: ClusterEntry) -> str:
    """Write the current and the future number of nodes."""
    return from_to(str(len(cluster.before)), str(len(cluster.after)))


def version_text(cluster: ClusterEntry) -> str:
    """Write the current and the future version of Kubernetes."""
    if not cluster.versions:
        return cluster.version if cluster.unseen or cluster.before else f"none → {cluster.version}"
    return from_to(", ".join(cluster.versions), cluster.version)


def orders(cluster: ClusterEntry) -> list[str]:
    """Write the order in which nodes leave and get new machines; empty for a single node."""
    removed, replaced = cluster.order.removed, cluster.order.replaced
    if sum(map(len, (*removed, *replaced))) < 2:
        return []
    found = [f"Removed, in this order: {_batches(removed)}"] if removed else []
    if replaced:
        when = (
            "; each begins when the workloads of the previous one are ready again"
            if len(replaced) > 1
            else ""
        )
        found.append(f"Replaced, in this order: {_batches(replaced)}{when}")
    return found


def _batches(batches: Batches) -> str:
    shown = [names(batch) for batch in batches[:_MOST]]
    more = len(batches) - len(shown)
    return ", then ".join([*shown, f"{more} more times"] if more else shown)


def special(nodes: tuple[str, ...], node: NodeEntry) -> str:
    """Write the special properties of nodes with the same steps; empty for most."""
    if node.leaves:
        return "leaves" if len(nodes) == 1 else "leave"
    return "starts the cluster" if node.initial_server else ""


def _verb(number: int, noun: str, one: str, many: str) -> str:
    return f"{count(number, noun)} {one if number == 1 else many}"


def names(nodes: tuple[str, ...]) -> str:
    """Write the names of nodes: all if there are few, else the first, the last and the number."""
    if len(nodes) <= 4:
        return ", ".join(nodes)
    return f"{nodes[0]} … {nodes[-1]} ({len(nodes)} nodes)"
