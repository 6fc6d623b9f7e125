"""Builds a cluster's entry in the document from its findings; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kbootstrap.cluster.decide.order import Order
from kbootstrap.cluster.steps.api import ReconcileNode
from kbootstrap.cluster.steps.base import Step
from kbootstrap.cluster.steps.files import WriteFile
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.diagnostics import Diagnostic, SpecPath, show_path
from kbootstrap.cost.model import ClusterCost, PoolSize
from kbootstrap.distros.model import Role
from kbootstrap.plans import effects
from kbootstrap.plans.causes import cause
from kbootstrap.plans.checks import destroyed_network, is_machine
from kbootstrap.plans.model import DANGER, Change, ClusterEntry, NodeEntry, Place, StepEntry
from kbootstrap.spec.source_map import SourceMap
from kbootstrap.tofu.plan import PlanSummary, ResourceChange

_REASONS = {
    "replace_because_tainted": "its last creation failed",
    "replace_because_cannot_update": "it cannot be changed in place",
    "replace_by_request": "asked for, or it is gone",
    "replace_by_triggers": "something that it depends on changes",
    "delete_because_no_resource_config": "no longer in the spec",
    "delete_because_no_module": "no longer in the spec",
    "delete_because_each_key": "no longer in the spec",
    "delete_because_count_index": "no longer in the spec",
    "delete_because_wrong_repetition": "no longer in the spec",
    "delete_because_no_move_target": "no longer in the spec",
}
"""`action_reason` in words. Source: "JSON Output Format", documentation of OpenTofu."""
_ATTRIBUTES = 6
"""Names of attributes shown for a change in place; more say less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFindings:
    """The findings about one cluster.

    `steps` is None where its nodes could not be looked at, or while none exists; `unseen` says why in the
    first case. `new` are nodes that will be installed from nothing. `before` are the nodes that the state
    knows, `after` those of the spec. `versions` are those of Kubernetes that nodes have now. `unprovisioned`
    are nodes without a machine, or with one that carries nothing of a cluster. `gone` are machines that
    vanished outside of kbootstrap: the reason by HCL address. `refusals` forbid the infrastructure's half.
    `source` leads from places in the spec to lines. `order` is that of the nodes that go. `location` says
    where the infrastructure is. `sizes` and `cost` as in the entry.
    """

    cluster: str
    infrastructure: PlanSummary
    provider: str = ""
    steps: Plan | None = None
    new: tuple[str, ...] = ()
    source: SourceMap | None = None
    unseen: str | None = None
    before: Mapping[str, Role] = field(default_factory=dict)
    after: Mapping[str, Role] = field(default_factory=dict)
    versions: tuple[str, ...] = ()
    version: str = ""
    unprovisioned: frozenset[str] = frozenset()
    gone: Mapping[str, str] = field(default_factory=dict)
    refusals: tuple[Diagnostic, ...] = ()
    order: Order = field(default_factory=Order)
    location: str = ""
    sizes: tuple[PoolSize, ...] = ()
    cost: ClusterCost | None = None


def entry(found: ClusterFindings, clean: Callable[[str], str]) -> ClusterEntry:
    """Return the cluster's entry; `clean` masks secrets in all texts that come from nodes."""
    summary, steps = found.infrastructure, found.steps
    initial_server = steps.initial_server if steps else None
    ground = {change.address for change in destroyed_network(summary)} if found.before else set()
    changes = [_change(c, found, ground=c.address in ground) for c in summary.changes]
    return ClusterEntry(
        cluster=found.cluster,
        changes=tuple(sorted(changes, key=lambda c: (DANGER.index(c.kind), not c.machine, c.address))),
        drift=tuple(_change(c, found) for c in summary.drift),
        outputs=summary.outputs,
        moves=summary.moves,
        nodes=(
            *(
                NodeEntry(node, tuple(_step(s, clean) for s in mine), leaves=True)
                for node, mine in (steps.leaving.items() if steps else ())
                if mine
            ),
            *(
                NodeEntry(node, tuple(_step(s, clean) for s in mine), node == initial_server)
                for node, mine in _by_danger(steps.steps if steps else {})
                if node not in found.new  # what runs on the machine that goes is no matter any more
            ),
        ),
        nodes_known=steps is not None,
        unseen=clean(found.unseen) if found.unseen else None,
        install=found.new,
        before=found.before,
        after=found.after,
        versions=found.versions,
        version=found.version,
        diagnostics=(*found.refusals, *(steps.diagnostics if steps else ())),
        place=_place(("clusters", found.cluster), found.source),
        order=found.order,
        location=found.location,
        sizes=found.sizes,
        cost=found.cost,
    )


def _change(change: ResourceChange, found: ClusterFindings, *, ground: bool = False) -> Change:
    machine = is_machine(change)
    lost: tuple[str, ...] = (effects.NETWORK_LOST,) if ground else ()
    servers = {name for name, role in found.before.items() if role == "server"}
    if machine and change.node and change.address in found.gone:
        away = {c.node for c in found.infrastructure.changes if is_machine(c) and c.address in found.gone}
        reason = found.gone[change.address]
        lost = effects.of_gone(change.node, reason, servers_left=len(servers - away), roles=found.before)
    elif machine and change.node and change.kind in ("delete", "replace"):
        lost = effects.of_machine(
            change.node,
            removed=change.kind == "delete",
            unprovisioned=found.unprovisioned,
            members=(found.steps.members if found.steps else ()) or servers - found.unprovisioned,
            roles=found.before,
        )
    path = cause(change, found.cluster, found.provider, found.source) if found.source else change.spec
    return Change(
        kind=change.kind,
        address=change.address,
        type=change.type,
        node=change.node,
        machine=machine,
        because=change.because,
        changed=change.changed,
        reason=change.reason,
        why=_why(change),
        place=_place(path, found.source) if path else None,
        effects=lost,
        unprovisioned=machine and change.node in found.unprovisioned and change.address not in found.gone,
    )


def _by_danger(steps: Mapping[str, Sequence[Step]]) -> list[tuple[str, Sequence[Step]]]:
    """Return the nodes in their order, but those with only label changes last."""
    return sorted(steps.items(), key=lambda found: all(isinstance(step, ReconcileNode) for step in found[1]))


def _why(change: ResourceChange) -> str:
    if change.reason == "replace_by_request" and change.changed and is_machine(change):
        return f"changes {', '.join(change.changed[:_ATTRIBUTES])}"
    if change.because:
        return f"because of {', '.join(change.because)}"
    if change.reason:
        return _REASONS.get(change.reason, change.reason.replace("_", " "))
    if change.kind == "update" and change.changed:
        more = len(change.changed) - _ATTRIBUTES
        rest = f" and {more} more" if more > 0 else ""
        return f"changes {', '.join(change.changed[:_ATTRIBUTES])}{rest}"
    return ""


def _place(path: SpecPath, source: SourceMap | None) -> Place:
    span = source.key(path) if source else None
    return Place(show_path(path), span.path, span.line) if span else Place(show_path(path))


def _step(step: Step, clean: Callable[[str], str]) -> StepEntry:
    path, diff = getattr(step, "path", None), None
    if isinstance(step, WriteFile):
        path = step.file.path
        diff = clean(step.diff) if step.existed and step.before is not None else None
    kind = re.sub(r"(?<!^)(?=[A-Z])", "-", type(step).__name__).lower()
    unit = getattr(step, "unit", None)
    return StepEntry(kind, clean(step.title), clean(step.why), path, unit, diff)
