"""`kbootstrap ssh`: finds a node and returns the OpenSSH command line for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kbootstrap.core.errors import HostUnreachable, WrongUsage
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.connect import QUICK_TIMEOUT, connector
from kbootstrap.engine.context import contexts
from kbootstrap.engine.elastic import elastic_machines, with_machines
from kbootstrap.engine.outputs import made_outputs
from kbootstrap.engine.spec import read_spec
from kbootstrap.hosts.command import ssh_argv
from kbootstrap.providers.elastic import ElasticMachine
from kbootstrap.spec.topology import is_elastic


async def ssh_command(spec: Path, node: str, command: Sequence[str], run: Runtime) -> list[str]:
    """Return the OpenSSH command line for a node of the spec.

    Connects once before: that pins the host key where it is not pinned yet, and its errors say more.
    """
    loaded = read_spec(spec)
    chosen = contexts(loaded, loaded.clusters, run, changing=False)
    for context in chosen:
        own = {wanted.name for wanted in context.nodes}
        machines: tuple[ElasticMachine, ...] = ()
        if node not in own and is_elastic(context.cluster.name, node):
            machines = tuple(one for one in await elastic_machines(context) if one.name == node)
        if node in own or machines:
            outputs = await made_outputs(context)
            if machines:
                outputs = with_machines(outputs, machines)
            inventory = await context.provider.inventory(context.provider_context, outputs, starting=False)
            if node in inventory.absent:
                raise inventory.absent[node]
            if node not in inventory.machines:
                raise HostUnreachable(
                    f"{node} has not been created yet",
                    hint=f"kbootstrap apply {context.spec.path}",
                    host=node,
                )
            machine = inventory.machines[node]
            host = await connector(context).connect(machine, deadline=QUICK_TIMEOUT)
            await host.close()
            return ssh_argv(machine.ssh, context.space.known_hosts, command)
    names = ", ".join(wanted.name for context in chosen for wanted in context.nodes)
    raise WrongUsage(f"there is no node '{node}'", hint=f"there are: {names}")
