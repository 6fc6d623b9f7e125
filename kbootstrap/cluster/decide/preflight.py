"""What must be true of a machine before anything is installed on it; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap.cluster.state.model import NodeFacts, WantedNode
from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.distros.model import Role

SKEW_WARNING, SKEW_LIMIT = 30, 300
"""Seconds. Certificates of a new cluster are valid from now on: nodes that are minutes behind refuse them."""


@dataclass(frozen=True, slots=True)
class Needs:
    """MiB: free disk below the data folder and beside the binary; memory that is enough, and too little."""

    disk_data: int
    disk_binary: int
    memory: int
    memory_limit: int


NEEDS: dict[tuple[str, Role], Needs] = {
    # docs.k3s.io, "Requirements": 2 GB for a server, 512 MB for an agent. Disk: binary unpacked 250, images
    # packed and unpacked 300, etcd 200, room for the first pods.
    ("k3s", "server"): Needs(1500, 150, 1900, 900),
    ("k3s", "agent"): Needs(1200, 150, 480, 350),
    # docs.rke2.io, "Requirements": 4 GB. The images of the control plane alone take 3 GB unpacked.
    ("rke2", "server"): Needs(6000, 300, 3800, 1900),
    ("rke2", "agent"): Needs(4000, 300, 1900, 900),
}


def preflight(distro: str, node: WantedNode, facts: NodeFacts, *, staging: bool) -> Iterator[Diagnostic]:
    """Yield what speaks against installing on this machine; `staging` tells whether files must be sent."""
    needs = NEEDS[distro, node.role]
    yield from _system(facts)
    yield from _memory(node, facts, needs)
    if staging:
        yield from _disk(facts, needs)


def clock(facts: NodeFacts) -> Iterator[Diagnostic]:
    """Yield a problem when the machine's clock is far from ours."""
    skew = abs(facts.clock_skew)
    if skew <= SKEW_WARNING:
        return
    where = "ahead of" if facts.clock_skew > 0 else "behind"
    yield Diagnostic(
        "KB0803",
        "Clock is wrong",
        f"The clock of {facts.name} is {skew} s {where} the clock of this machine.",
        "set the clock, or start time synchronisation (systemd-timesyncd, chrony) on the wrong machine",
        severity=Severity.ERROR if skew > SKEW_LIMIT else Severity.WARNING,
    )


def _system(facts: NodeFacts) -> Iterator[Diagnostic]:
    if facts.arch not in ("amd64", "arm64"):
        yield Diagnostic(
            "KB0802",
            "Processor not supported",
            f"{facts.name} has a processor of type '{facts.arch}'; there are files for amd64 and arm64.",
            "use another machine",
        )
    if not facts.systemd:
        yield Diagnostic(
            "KB0806",
            "No systemd",
            f"{facts.name} ({facts.os or 'unknown system'}) does not run systemd.",
            "use an image of Debian, Ubuntu, SUSE or a Red Hat family, or start systemd as its first process",
        )
    if not facts.cgroup_memory:
        yield Diagnostic(
            "KB0805",
            "Kernel cannot limit memory",
            f"The memory cgroup of {facts.name} is off, and the kubelet does not start without it.",
            "add cgroup_enable=memory cgroup_memory=1 to the kernel's command line and reboot",
        )
    if not facts.default_route:
        yield Diagnostic(
            "KB0820",
            "No default route",
            f"{facts.name} has no default route; k3s and RKE2 find their own address through it.",
            "add one, even to nowhere: ip route add default dev <interface>",
            severity=Severity.WARNING,
        )


def _memory(node: WantedNode, facts: NodeFacts, needs: Needs) -> Iterator[Diagnostic]:
    if facts.memory >= needs.memory:
        return
    yield Diagnostic(
        "KB0805",
        "Little memory",
        f"{facts.name} has {facts.memory} MiB of memory; a {node.role} wants {needs.memory} MiB.",
        "give the machine more memory, or choose a larger flavor",
        severity=Severity.ERROR if facts.memory < needs.memory_limit else Severity.WARNING,
    )


def _disk(facts: NodeFacts, needs: Needs) -> Iterator[Diagnostic]:
    for free, need, place in (
        (facts.disk_data, needs.disk_data, "/var/lib/rancher"),
        (facts.disk_binary, needs.disk_binary, "/usr/local/bin"),
    ):
        if free < need:
            yield Diagnostic(
                "KB0804",
                "Disk too full",
                f"{facts.name} has {free} MiB free below {place}; the installation needs {need} MiB.",
                f"make room: df -h {place}; du -xsh /* on that machine",
            )
