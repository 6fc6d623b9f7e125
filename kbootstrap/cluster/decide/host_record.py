"""The cluster's record of its existing machines: a ConfigMap, one entry for each host.

    w-1: agent 10.0.0.21          the spec names it
    w-3: agent 10.0.0.23 ssh=metal-3 port=2222     how SSH reaches it, where the spec says it of this host
    w-2: agent 10.0.0.22 left     its node has left; the machine did not answer, and may carry Kubernetes

A host that left the spec is found again by it, from whichever folder the next run starts: nothing local is
needed. It holds no secret, and is believed only as far as the machine itself says that it is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kbootstrap.cluster.state.api_facts import ApiFacts
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.state.recorded import Recorded
from kbootstrap.cluster.steps.api import NoteHosts
from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.distros.model import Role

RECORD = "kbootstrap-hosts"
"""Name of the ConfigMap, in `kube-system`."""
_LEFT = "left"


def read_record(data: Mapping[str, str]) -> dict[str, Recorded]:
    """Read the ConfigMap's data; invalid entries are ignored."""
    found = {}
    for name, text in data.items():
        role, address, *more = [*text.split(), "", ""]
        if role in ("server", "agent") and address:
            known: Role = "server" if role == "server" else "agent"
            ways = dict(word.split("=", 1) for word in more if "=" in word)
            port = ways.get("port", "")
            found[name] = Recorded(
                known,
                address,
                left=_LEFT in more,
                ssh_host=ways.get("ssh", ""),
                port=int(port) if port.isdecimal() else 0,
            )
    return found


def entry(machine: Recorded) -> str:
    """Return the text of one entry."""
    ways = {"ssh": machine.ssh_host, "port": machine.port or ""}
    words = (f"{key}={value}" for key, value in ways.items() if value)
    return " ".join([machine.role, machine.address, *words, *([_LEFT] if machine.left else ())])


def steps(desired: DesiredCluster, writer: str, api: ApiFacts | None) -> Iterator[NoteHosts]:
    """Yield the step that brings the record up to date, carried out from the node `writer`."""
    there = api.machines if api else {}
    changes = {name: machine for name, machine in desired.machines.items() if there.get(name) != machine}
    if changes:
        yield NoteHosts(
            node=writer, why="it is needed to find hosts that are removed from the spec", machines=changes
        )


def removed_hosts(desired: DesiredCluster, api: ApiFacts | None) -> dict[str, Recorded]:
    """Return the machines that the spec no longer has and that must leave the cluster.

    One that has left already is concerned when its node came back: the machine was started again.
    """
    if api is None:
        return {}
    return {
        name: machine
        for name, machine in api.machines.items()
        if name not in desired.machines and (not machine.left or name in api.nodes)
    }


def problems(
    desired: DesiredCluster, facts: Mapping[str, NodeFacts], api: ApiFacts | None
) -> Iterator[Diagnostic]:
    """Yield a refusal for each node that would move to another machine while the old one runs."""
    for name, machine in desired.machines.items():
        before = api.machines.get(name) if api else None
        seen = api.nodes.get(name) if api else None
        new = name in facts and not facts[name].registered
        if before and before.address != machine.address and new and seen and seen.ready:
            yield Diagnostic(
                "KB0654",
                f"{name} runs at {before.address}, and the spec now has it at {machine.address}, on a "
                "machine without its data. Two machines with one name would conflict.",
                "give the new machine a name of its own, or apply without this host first: that removes "
                "its node from the cluster",
            )
