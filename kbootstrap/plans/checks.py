"""Plan checks: the nodes that an infrastructure plan removes, and refusals of losses.

A node leaves its cluster before its machine is removed (`engine/rolling_replacement.py`), so a plan that
removes machines is never carried out as a whole. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kbootstrap.core.diagnostics import Diagnostic, SpecPath
from kbootstrap.render.address import key
from kbootstrap.spec.source_map import SourceMap
from kbootstrap.tofu.plan import PlanSummary, ResourceChange

_HEALING = frozenset({"replace_because_tainted", "replace_by_request"})
"""Reasons to replace a resource that never came up, or no longer exists."""


def machines_made(infrastructure: PlanSummary) -> tuple[str, ...]:
    """Return the nodes whose machine the plan would create, replace or remove."""
    changes = infrastructure.of("create", "replace", "delete")
    return tuple(dict.fromkeys(change.node for change in changes if change.node and is_machine(change)))


def machines_created(infrastructure: PlanSummary) -> bool:
    """Return whether the plan creates or replaces a node's machine."""
    return any(is_machine(change) for change in infrastructure.of("create", "replace"))


def tainted(infrastructure: PlanSummary) -> Mapping[str, str]:
    """Return the machines that would be replaced only because their creation failed: node by address.

    A machine can come up although that was never seen: the cloud did not answer just then.
    """
    return {
        change.address: change.node
        for change in infrastructure.of("replace")
        if change.node and is_machine(change) and change.reason == "replace_because_tainted"
    }


def is_remainder(planned: PlanSummary, now: PlanSummary) -> bool:
    """Return whether a plan after a failure is the rest of `planned`, and replaces only failed resources.

    Then there is no need to ask again.
    """
    wanted = {change.address: change.kind for change in planned.changes}
    return all(
        wanted.get(change.address) == change.kind
        or (
            change.reason == "replace_because_tainted" and wanted.get(change.address) in {"create", "replace"}
        )
        for change in now.changes
    )


def unobserved_removals(
    cluster: str, infrastructure: PlanSummary, unprovisioned: Collection[str], source: SourceMap
) -> tuple[Diagnostic, ...]:
    """Return a problem for each node whose machine the plan removes while nodes cannot be observed.

    `unprovisioned` are nodes without a machine, or with one on which nothing was installed: those lose
    nothing.
    """
    return tuple(
        _unseen(cluster, change, source)
        for change in infrastructure.of("delete", "replace", "update")
        if change.node is not None and is_machine(change) and change.node not in unprovisioned
        if change.kind != "update" or change.disruptive
    )


def replaced_nodes(
    infrastructure: PlanSummary, gone: Collection[str], unprovisioned: Collection[str]
) -> tuple[str, ...]:
    """Return the running nodes whose machine the plan would replace.

    `gone` are HCL addresses of machines that vanished: those have nothing to leave any more.
    """
    return tuple(
        change.node
        for change in infrastructure.of("replace")
        if change.node is not None
        and is_machine(change)
        and change.node not in unprovisioned
        and change.address not in gone
    )


def disruptive_updates(infrastructure: PlanSummary, unprovisioned: Collection[str]) -> tuple[str, ...]:
    """Return the addresses of machines that an in-place change would stop or drain.

    They are replaced instead, which the cluster survives: one after the other, after their pods have moved.
    """
    return tuple(
        change.address
        for change in infrastructure.of("update")
        if change.node is not None
        and is_machine(change)
        and change.node not in unprovisioned
        and change.disruptive
    )


def resources_of(infrastructure: PlanSummary, nodes: Collection[str]) -> tuple[str, ...]:
    """Return the addresses of all changed resources of these nodes."""
    return tuple(change.address for change in infrastructure.changes if change.node in nodes)


def machines_of(infrastructure: PlanSummary, nodes: Collection[str]) -> tuple[str, ...]:
    """Return the addresses of the machines of these nodes that the plan replaces."""
    changes = infrastructure.of("replace")
    return tuple(change.address for change in changes if change.node in nodes and is_machine(change))


def unaffecting_targets(infrastructure: PlanSummary, nodes: Collection[str]) -> tuple[tuple[str, ...], ...]:
    """Return targets for parts of the plan that affect none of these nodes, the most complete part first.

    Whether it does is only known when it has been planned (`affected_nodes`): OpenTofu takes in everything
    that a target depends on, with all instances of it.
    """
    apart = [change for change in infrastructure.changes if change.node not in nodes]
    every = tuple(change.address for change in apart)
    own = tuple(change.address for change in apart if change.node is not None)
    machines = tuple(change.address for change in apart if is_machine(change))
    return tuple(dict.fromkeys(filter(None, (every, own, machines))))


def affected_nodes(infrastructure: PlanSummary, nodes: Collection[str]) -> tuple[str, ...]:
    """Return the nodes whose machine a part of a plan would remove or stop."""
    return tuple(
        change.node
        for change in infrastructure.of("delete", "replace", "update")
        if change.node in nodes and change.node is not None and is_machine(change)
    )


def destroyed_network(infrastructure: PlanSummary) -> tuple[ResourceChange, ...]:
    """Return the resources that nodes depend on and the plan would destroy: networks and addresses."""
    return tuple(
        change
        for change in infrastructure.of("delete", "replace")
        if change.reason not in _HEALING
        # Leaving an address out of the spec is a wish; another one in its place is an accident.
        and (change.role == "network" or (change.role == "address" and change.kind == "replace"))
    )


def network_in_use(
    cluster: str, infrastructure: PlanSummary, carrying: Collection[str], source: SourceMap
) -> tuple[Diagnostic, ...]:
    """Return a problem for each resource of `destroyed_network` that nodes use.

    `carrying` are the nodes on which a cluster was installed.
    """
    if not carrying:
        return ()
    return tuple(_network_destroyed(cluster, change, source) for change in destroyed_network(infrastructure))


def lost_buckets(cluster: str, infrastructure: PlanSummary, source: SourceMap) -> tuple[Diagnostic, ...]:
    """Return a problem for each bucket that the plan would delete: its contents were not confirmed."""
    return tuple(
        Diagnostic(
            "KB0406",
            f"The spec no longer has the bucket {key(change.address)}, and the plan would delete it.",
            f"Add it to the spec again; or run `tofu state rm '{change.address}'` in the cluster's root: the "
            "bucket then stays in the cloud, and can be deleted by hand.",
            source.key(("clusters", cluster)),
        )
        for change in infrastructure.of("delete", "replace")
        if change.role == "bucket"
    )


def lost_volumes(cluster: str, infrastructure: PlanSummary, source: SourceMap) -> tuple[Diagnostic, ...]:
    """Return a problem for each volume of a node that the plan would delete, replace or shrink.

    Where the node itself goes, its volumes go with it: whether it may is asked elsewhere (`refusals`).
    """
    leaving = {change.node for change in infrastructure.of("delete") if is_machine(change)}
    return tuple(
        _volume_lost(cluster, change, source)
        for change in infrastructure.of("delete", "replace", "update")
        if change.role == "volume" and change.node not in leaving
        if change.kind != "update" or change.smaller
        if change.reason != "replace_because_tainted"  # it never came up
    )


def rename_conflict(
    cluster: str, infrastructure: PlanSummary, unprovisioned: Collection[str], source: SourceMap
) -> tuple[Diagnostic, ...]:
    """Return a problem if pools are renamed while nodes leave: OpenTofu renames only in a complete plan."""
    machines = [change for change in infrastructure.of("delete", "replace") if is_machine(change)]
    leaving = [change.node for change in machines if change.node and change.node not in unprovisioned]
    if not infrastructure.moves or not leaving:
        return ()
    return (
        Diagnostic(
            "KB0419",
            f"A pool is renamed, and {', '.join(leaving)} would be removed or replaced in the same run.",
            "Apply the rename first and the rest after it, or the other way round.",
            source.key(("clusters", cluster)),
        ),
    )


def unknown_to_state(
    infrastructure: PlanSummary, gone: Collection[str], unprovisioned: Collection[str]
) -> tuple[str, ...]:
    """Return nodes that the plan would create although they exist with a cluster's data: the state was lost.

    `gone` are HCL addresses of machines that are missing, or are other ones than the state knows.
    """
    return tuple(
        change.node
        for change in infrastructure.of("create", "replace")
        if change.node is not None
        and is_machine(change)
        and change.node not in unprovisioned
        and (change.kind == "create" or change.address in gone)
    )


def is_machine(change: ResourceChange) -> bool:
    """Return whether the resource is a node's machine, not one of its keys or volumes."""
    return change.role == "machine"


def _unseen(cluster: str, change: ResourceChange, source: SourceMap) -> Diagnostic:
    verb = {"delete": "remove", "update": "stop and change"}.get(change.kind, "replace")
    causes = change.because or change.disruptive
    because = f" because of {', '.join(causes)}" if causes else ""
    path: SpecPath = change.spec or ("clusters", cluster)
    return Diagnostic(
        "KB0404",
        f"The plan would {verb} the machine of {change.node}{because}. A node must leave its cluster "
        "first, and the cluster cannot be observed now.",
        "Restore the previous spec and apply it: that repairs the other machines. Then change the spec.",
        source.key(path),
    )


def _network_destroyed(cluster: str, change: ResourceChange, source: SourceMap) -> Diagnostic:
    because = f" because of {', '.join(change.because)}" if change.because else ""
    return Diagnostic(
        "KB0407",
        f"The plan would {change.kind} {change.address}{because}. Nodes of the cluster use it: it "
        "connects them, or has their address.",
        "Restore the spec, or recreate the cluster: kbootstrap destroy, then kbootstrap apply.",
        source.key(change.spec or ("clusters", cluster)),
    )


def _volume_lost(cluster: str, change: ResourceChange, source: SourceMap) -> Diagnostic:
    name = (key(change.address) or "").partition("/")[2]
    verb = "shrink" if change.kind == "update" else change.kind
    because = f" because of {', '.join(change.because or change.smaller)}" if change.kind != "delete" else ""
    return Diagnostic(
        "KB0418",
        f"The plan would {verb} the volume {name} of {change.node}{because}, and its data would be lost.",
        "Restore the volume in the spec. To discard one, unmount it on the node, then remove it from the "
        "state: "
        f"`tofu state rm '{change.address}'` in the cluster's root.",
        source.key(change.spec or ("clusters", cluster)),
    )
