"""What must be there before `apply` can work: on this machine, in a cloud, on machines that exist already.

Looked at without changing anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kbootstrap.cluster.decide.desired import wanted
from kbootstrap.cluster.decide.preflight import clock, preflight
from kbootstrap.cluster.decide.refusals import foreign
from kbootstrap.cluster.observe.facts import gather
from kbootstrap.cluster.state.model import NodeFacts, Wanted, WantedNode
from kbootstrap.core.concurrency import together
from kbootstrap.core.diagnostics import Severity
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.context import Context
from kbootstrap.engine.observe import GLANCE, connector
from kbootstrap.hosts.model import Host
from kbootstrap.providers.model import Check
from kbootstrap.tofu.find import find

_PORTS = {"server": (2379, 2380, 6443, 10250), "agent": (10250,)}
"""TCP ports that a node must be able to listen on (docs.k3s.io, "Requirements")."""
_LISTENING = (
    'cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk \'$4 == "0A" { sub(/.*:/, "", $2); print $2 }\''
)
"""Prints, in hexadecimal, the TCP ports that somebody listens on (proc(5), /proc/net/tcp)."""


async def examine(contexts: Sequence[Context], runtime: Runtime) -> tuple[Check, ...]:
    """Return one line for each thing that the clusters need; what several need is told once."""
    given = {id(one): machines for one in contexts if (machines := one.given) is not None}
    found = [await _tofu(runtime)] if len(given) < len(contexts) else []
    found.append(_kubectl(runtime))
    for context in contexts:
        found += await context.provider.check(context.spec, context.cluster, context.lock, context.around)
        if id(context) in given:
            found += await _machines(context, given[id(context)])
    return tuple(dict.fromkeys(found))


async def _machines(context: Context, given: Mapping[str, Any]) -> list[Check]:
    """Connect to every machine, and say of each what it is and what speaks against it."""
    from kbootstrap.hosts.pool import reach_all

    try:
        inventory = await context.provider.inventory(context.cluster, given, context.around)
    except KbootstrapError as error:
        return [
            Check(f"machines of {context.cluster.name}", ok=False, found=error.message, help=error.hint or "")
        ]
    everything = wanted(
        context.cluster, context.nodes, inventory, context.distribution, additions=context.additions
    )
    async with reach_all(connector(context), inventory.machines.values(), deadline=GLANCE) as reached:
        failures = dict(reached.failures)
        facts = await gather(reached.hosts, context.distribution, failures)
        hosts = [reached.hosts[name] for name in facts]
        taken = dict(zip(facts, await together(map(_taken, hosts)), strict=True))
    checks: list[Check] = []
    for node in everything.nodes:
        if failure := failures.get(node.name):
            checks.append(Check(node.name, ok=False, found=failure.message, help=failure.hint or ""))
        else:
            checks += judge(everything, node, facts[node.name], taken[node.name])
    return checks


async def _taken(host: Host) -> frozenset[int]:
    """Return the TCP ports that somebody listens on."""
    output = await host.run(_LISTENING, deadline=GLANCE, check=False)
    return frozenset(int(word, 16) for word in output.stdout.split() if re.fullmatch("[0-9A-F]{4}", word))


def judge(everything: Wanted, node: WantedNode, facts: NodeFacts, taken: frozenset[int]) -> Iterator[Check]:
    """Yield a line about the machine, and one for each thing that speaks against it; pure."""
    room = f"{facts.memory} MiB of memory, {facts.disk_data / 1024:.1f} GiB of disk free"
    about = f"{facts.os or 'unknown system'}, {facts.arch}, {facts.cpus} CPUs, {room}"
    running = facts.unit(everything.distro.unit(node.role)).started
    problems = [*foreign(everything, facts), *clock(facts)]
    if not running:
        problems += preflight(everything.distro.name, node, facts, staging=True)
    state = f"part of {facts.claimed}; " if facts.claimed else ""
    yield Check(node.name, ok=True, found=f"answers, commands run as root; {state}{about}")
    for problem in problems:
        bad = problem.severity is Severity.ERROR
        yield Check(node.name, ok=False if bad else None, found=problem.reason, help=problem.help)
    if not running and (busy := [port for port in _PORTS[node.role] if port in taken]):
        yield Check(
            node.name,
            ok=False,
            found=f"somebody listens on TCP port {', '.join(map(str, busy))}, which Kubernetes needs",
            help=f"`ss -ltnp` on {node.name} shows who; stop it",
        )


async def _tofu(runtime: Runtime) -> Check:
    name = "OpenTofu or Terraform"
    try:
        binary = await find(runtime.runner, runtime.env, runtime.cache, runtime.tofu)
    except KbootstrapError as error:
        return Check(name, ok=False, found=error.message, help=error.hint or "")
    return Check(name, ok=True, found=f"{binary} ({binary.path})")


def _kubectl(runtime: Runtime) -> Check:
    path = runtime.runner.which("kubectl")
    if path:
        return Check("kubectl", ok=True, found=str(path))
    return Check(
        "kubectl", ok=None, found="not on PATH", help="kbootstrap needs none; on a server: sudo k3s kubectl"
    )
