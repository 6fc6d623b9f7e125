"""`kbootstrap conformance`: audits nodes. Read-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from kbootstrap.checks.conformance.audited_node import audited_node
from kbootstrap.checks.conformance.judge import audit, silent
from kbootstrap.checks.conformance.questions import questions
from kbootstrap.checks.report import Report, Reports, Result
from kbootstrap.cluster.observe.audit import read_audit_facts
from kbootstrap.core.concurrency import run_all
from kbootstrap.core.diagnostics import Severity
from kbootstrap.core.errors import HostUnreachable, KbootstrapError, WrongUsage
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.cluster_reports import cluster_reports
from kbootstrap.engine.connect import QUICK_TIMEOUT, connector
from kbootstrap.engine.context import Context, contexts
from kbootstrap.engine.outputs import made_outputs
from kbootstrap.engine.spec import read_spec
from kbootstrap.hosts.model import Host
from kbootstrap.spec.model import Node

Audited = tuple[Result, ...] | KbootstrapError
"""The results of a node, or why it could not be read."""


async def check_conformance(spec: Path, names: Sequence[str], run: Runtime, least: Severity) -> Reports:
    """Audit the clusters and nodes of these names, or all; failures are as in `cluster_reports`.

    Raises `WrongUsage` for other names.
    """
    loaded = read_spec(spec)
    every = contexts(loaded, loaded.clusters, run, changing=False)
    chosen = _chosen(every, names)
    work = ((context, partial(audit_cluster, context, nodes)) for context, nodes in chosen)
    return await cluster_reports("conformance", loaded.name, work, run, least)


def _chosen(every: Sequence[Context], names: Sequence[str]) -> list[tuple[Context, tuple[Node, ...]]]:
    known = {name for one in every for name in (one.cluster.name, *(node.name for node in one.nodes))}
    if missing := [name for name in names if name not in known]:
        raise WrongUsage(
            f"there is no cluster or node '{missing[0]}'",
            hint=f"there are: {', '.join(name for one in every for name in _names(one))}",
        )
    found = ((one, _nodes(one, names)) for one in every)
    return [(context, nodes) for context, nodes in found if nodes]


def _names(context: Context) -> tuple[str, ...]:
    return (context.cluster.name, *(node.name for node in context.nodes))


def _nodes(context: Context, names: Sequence[str]) -> tuple[Node, ...]:
    if not names or context.cluster.name in names:
        return context.nodes
    return tuple(node for node in context.nodes if node.name in names)


async def audit_cluster(context: Context, nodes: Sequence[Node]) -> Report:
    """Audit nodes of a cluster: one command on each. Nodes that do not answer are reported as unknown.

    If none does, the failure of the first one is raised.
    """
    from kbootstrap.hosts.pool import reach_all

    outputs = await made_outputs(context)
    inventory = await context.provider.inventory(context.provider_context, outputs, starting=False)
    machines = [inventory.machines[node.name] for node in nodes if node.name in inventory.machines]
    async with reach_all(connector(context), machines, deadline=QUICK_TIMEOUT) as reached:
        failures = inventory.absent | reached.failures
        outcomes = await run_all([_audit_node(context, node, reached.hosts, failures) for node in nodes])
    errors = [one for one in outcomes if isinstance(one, KbootstrapError)]
    if len(errors) == len(nodes):
        raise errors[0]
    clean = context.runtime.redactor.clean
    results: list[Result] = []
    for node, outcome in zip(nodes, outcomes, strict=True):
        if isinstance(outcome, KbootstrapError):
            results.append(silent(node.name, clean(outcome.message)))
        else:
            results += outcome
    return Report(context.cluster.name, tuple(results))


async def _audit_node(
    context: Context, node: Node, hosts: Mapping[str, Host], failures: Mapping[str, KbootstrapError]
) -> Audited:
    if node.name not in hosts:
        return failures.get(node.name) or HostUnreachable(
            f"{node.name} has not been created yet",
            hint=f"kbootstrap apply {context.spec.path}",
            host=node.name,
        )
    about = audited_node(context.distribution, node.role, context.cluster.kubernetes, context.additions)
    try:
        facts = await read_audit_facts(hosts[node.name], questions(about))
    except KbootstrapError as error:
        return error
    return tuple(audit(facts, about))
