"""Converts the plans of clusters into the document that every view shows."""

from __future__ import annotations

from collections.abc import Sequence

from kbootstrap.cluster.decide.order import Order, order
from kbootstrap.core.workspace import Workspace
from kbootstrap.cost.estimate import sizes
from kbootstrap.engine.cluster_plan import ClusterPlan
from kbootstrap.engine.cost import cluster_cost, present
from kbootstrap.engine.observe import Nodes, NotRunning
from kbootstrap.plans.build import ClusterFindings, entry
from kbootstrap.plans.model import PlanDocument


def document(plans: Sequence[ClusterPlan]) -> PlanDocument:
    """Return the plans as the document that views show."""
    context = plans[0].context
    clean, spec = context.runtime.redactor.clean, context.spec
    left: tuple[str, ...] = ()
    if len(plans) == len(spec.clusters):
        names = [cluster.name for cluster in spec.clusters]
        left = Workspace.beside(spec.path).left(spec.name, names)
    entries = tuple(entry(_found(plan), clean) for plan in plans)
    return PlanDocument(spec.name, entries, left, spec.prices, spec.budget)


def _found(plan: ClusterPlan) -> ClusterFindings:
    context, nodes = plan.context, plan.nodes
    now = present(context.cluster, plan.known, nodes.elastic.machines.values() if nodes else ())
    return ClusterFindings(
        cluster=context.cluster.name,
        infrastructure=plan.infrastructure,
        provider=context.cluster.provider.name,
        steps=nodes.plan if nodes else None,
        new=plan.new,
        source=context.spec.source,
        unseen=_unseen(plan),
        before={
            **{name: node.get("role", "agent") for name, node in plan.known.items()},
            **(nodes.removal.removed if nodes else {}),
        },
        after={node.name: node.role for node in context.nodes},
        versions=_versions(nodes) if nodes else (),
        version=context.cluster.kubernetes.version,
        unprovisioned=plan.unprovisioned,
        gone=plan.gone,
        refusals=plan.refusals,
        location=plan.location,
        sizes=sizes(context.cluster, now),
        cost=cluster_cost(context.spec, context.cluster, now),
        order=order(nodes.removal, nodes.desired.nodes, nodes.plan.leaving) if nodes else Order(),
    )


def _versions(nodes: Nodes) -> tuple[str, ...]:
    """Return the Kubernetes versions of nodes: those that the API reports, else the installed ones."""
    reported = {name: node.version for name, node in (nodes.api.nodes.items() if nodes.api else ())}
    installed = nodes.desired.distro.installed
    there = {name: version for name, found in nodes.facts.items() if (version := installed(found.versions))}
    return tuple(sorted({*({**there, **reported}.values())}))


def _unseen(plan: ClusterPlan) -> str | None:
    """Return why nodes were not observed, and what happens to machines that are shut off."""
    if plan.unseen is None:
        return None
    error = plan.unseen
    if not isinstance(error, NotRunning):
        return error.message
    words = "; ".join((error.detail or error.message).splitlines())
    return f"{words} ({error.hint})" if error.hint else words
