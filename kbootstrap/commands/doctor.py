"""`kbootstrap doctor`: what `apply` needs on this machine, in a cloud, and on machines that exist.

Nothing is changed. Between machines that exist, the paths of nodes are tried: where nothing listens on a port
yet, a process does for some seconds.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kbootstrap.cluster.decide import pod_network
from kbootstrap.cluster.decide.desired import wanted
from kbootstrap.cluster.decide.paths import judge as judge_paths
from kbootstrap.cluster.decide.preflight import clock, preflight, programs
from kbootstrap.cluster.decide.refusals import foreign
from kbootstrap.cluster.observe.facts import gather
from kbootstrap.cluster.observe.reach import try_all
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.state.wanted import Wanted, WantedNode
from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.programs import kubectl
from kbootstrap.core.runtime import Runtime
from kbootstrap.distros.model import Distribution
from kbootstrap.engine.bundled_programs import bundled_programs
from kbootstrap.engine.connect import QUICK_TIMEOUT, connector
from kbootstrap.engine.context import Context, contexts
from kbootstrap.engine.spec import choose, read_spec
from kbootstrap.providers.model import Check
from kbootstrap.tofu.find import find


async def doctor(spec: Path, clusters: Iterable[str], run: Runtime) -> tuple[Check, ...]:
    """Look at what the clusters of a spec need."""
    loaded = read_spec(spec)
    return await examine(contexts(loaded, choose(loaded, clusters), run), run)


async def examine(chosen: Sequence[Context], runtime: Runtime) -> tuple[Check, ...]:
    """Return one line for each requirement of the clusters; shared requirements are reported once."""
    existing = {id(one): machines for one in chosen if (machines := one.existing_machines) is not None}
    found = [await _tofu(runtime)] if len(existing) < len(chosen) else []
    found.append(await _kubectl(runtime, [context.distribution for context in chosen]))
    for context in chosen:
        found += await context.provider.check(context.provider_context)
        if id(context) in existing:
            found += await _machines(context, existing[id(context)])
    return tuple(dict.fromkeys(found))


async def _machines(context: Context, existing_machines: Mapping[str, Any]) -> list[Check]:
    """Connect to every machine, and report what each one is, and its problems."""
    from kbootstrap.hosts.pool import reach_all

    try:
        inventory = await context.provider.inventory(context.provider_context, existing_machines)
    except KbootstrapError as error:
        return [
            Check(f"machines of {context.cluster.name}", ok=False, found=error.message, help=error.hint or "")
        ]
    everything = wanted(
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


def _idle(everything: Wanted, facts: Mapping[str, NodeFacts]) -> frozenset[str]:
    """Return the machines on which no service runs; none while another run changes the cluster."""
    if any(found.lease for found in facts.values()):
        return frozenset()
    nodes = [node for node in everything.nodes if node.name in facts]
    units = {node.name: facts[node.name].unit(everything.distro.unit(node.role)) for node in nodes}
    return frozenset(name for name, unit in units.items() if not unit.started)


def judge(everything: Wanted, node: WantedNode, facts: NodeFacts) -> Iterator[Check]:
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


async def _tofu(runtime: Runtime) -> Check:
    name = "OpenTofu or Terraform"
    try:
        binary = await find(runtime.runner, runtime.env, runtime.cache, runtime.tofu)
    except KbootstrapError as error:
        return Check(name, ok=False, found=error.message, help=error.hint or "")
    others = "".join(f"; not used: {why}" for why in binary.unusable)
    return Check(name, ok=True, found=f"{binary} ({binary.path}){others}")


async def _kubectl(runtime: Runtime, distributions: Iterable[Distribution]) -> Check:
    choice = await kubectl(runtime.runner)
    if choice.path:
        others = "".join(f"; not used: {why}" for why in choice.unusable)
        return Check("kubectl", ok=True, found=f"{choice.path}{others}")
    own = dict.fromkeys(shlex.join(one.command("kubectl")) for one in distributions)
    text = "kbootstrap does not need it" + (f"; on a server: sudo {' or '.join(own)}" if own else "")
    return Check("kubectl", ok=None, found="; ".join(choice.unusable) or "not on PATH", help=text)
