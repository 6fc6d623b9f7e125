"""Checks of existing machines, for `doctor`: what each one is and lacks, and the paths between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from kbootstrap.cluster.decide import pod_network
from kbootstrap.cluster.decide.desired import desired_state
from kbootstrap.cluster.decide.paths import judge as judge_paths
from kbootstrap.cluster.decide.preflight import clock, preflight, programs
from kbootstrap.cluster.decide.refusals import foreign
from kbootstrap.cluster.observe.facts import gather
from kbootstrap.cluster.observe.reach import try_all
from kbootstrap.cluster.state.desired import DesiredCluster, DesiredNode
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.engine.bundled_programs import bundled_programs
from kbootstrap.engine.connect import QUICK_TIMEOUT, connector
from kbootstrap.engine.context import Context
from kbootstrap.providers.model import Check


async def check_machines(context: Context, existing_machines: Mapping[str, Any]) -> list[Check]:
    """Connect to every machine, and report what each one is, and its problems."""
    from kbootstrap.hosts.pool import reach_all

    try:
        inventory = await context.provider.inventory(context.provider_context, existing_machines)
    except KbootstrapError as error:
        return [
            Check(f"machines of {context.cluster.name}", ok=False, found=error.message, help=error.hint or "")
        ]
    everything = desired_state(
        context.cluster, context.nodes, inventory, context.distribution, additions=context.additions
    )
    everything = replace(everything, bundled=bundled_programs(context))
    async with reach_all(connector(context), inventory.machines.values(), deadline=QUICK_TIMEOUT) as reached:
        failures = dict(reached.failures)
        facts = await gather(reached.hosts, context.distribution, failures, overlay=True)
        tried = await try_all(everything, reached.hosts, _idle(everything, facts))
    checks: list[Check] = []
    for node in everything.nodes:
        if failure := failures.get(node.name):
            checks.append(Check(node.name, ok=False, found=failure.message, help=failure.hint or ""))
        else:
            checks += judge(everything, node, facts[node.name])
    checks += [Check(one.name, one.ok, one.found, one.help) for one in judge_paths(tried)]
    checks += map(_line, pod_network.silent(everything, facts))
    return checks


def _idle(everything: DesiredCluster, facts: Mapping[str, NodeFacts]) -> frozenset[str]:
    """Return the machines on which no service runs; none while another run changes the cluster."""
    if any(found.lease for found in facts.values()):
        return frozenset()
    nodes = [node for node in everything.nodes if node.name in facts]
    units = {node.name: facts[node.name].unit(everything.distro.unit(node.role)) for node in nodes}
    return frozenset(name for name, unit in units.items() if not unit.started)


def judge(everything: DesiredCluster, node: DesiredNode, facts: NodeFacts) -> Iterator[Check]:
    """Yield a line about the machine, and one for each of its problems; pure."""
    room = f"{facts.memory} MiB of memory, {facts.disk_data / 1024:.1f} GiB of disk free"
    about = f"{facts.os or 'unknown system'}, {facts.arch}, {facts.cpus} CPUs, {room}"
    running = facts.unit(everything.distro.unit(node.role)).started
    problems = [*foreign(everything, facts), *clock(facts)]
    if not running:
        problems += preflight(everything.distro, node, facts, staging=True)
        bundled = everything.bundled.get(facts.arch)
        problems += programs(everything.distro, node, facts, bundled=bundled)
    state = f"part of {facts.claimed}; " if facts.claimed else ""
    yield Check(node.name, ok=True, found=f"answers, commands run as root; {state}{about}")
    problems += pod_network.problems(everything, node, facts)
    yield from (_line(problem, node.name) for problem in problems)


def _line(problem: Diagnostic, name: str = "network of the pods") -> Check:
    bad = problem.severity is Severity.ERROR
    return Check(name, ok=False if bad else None, found=problem.reason, help=problem.help)
