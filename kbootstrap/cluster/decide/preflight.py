"""Requirements that a machine must meet before anything is installed on it; pure."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap import distros
from kbootstrap.cluster.state.desired import DesiredNode
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.distros.model import Distribution
from kbootstrap.distros.requirements import (
    CgroupController,
    FreeSpace,
    KernelModule,
    Memory,
    Program,
    UsableFolder,
    ports,
)

_MEMORY = "memory"
"""The controller that has a fact of its own: version 1 of control groups has it too."""
SKEW_WARNING, SKEW_LIMIT = 30, 300
"""Seconds. Certificates of a new cluster are valid from now on: nodes that are minutes behind refuse them."""


def preflight(
    distro: Distribution, node: DesiredNode, facts: NodeFacts, *, staging: bool
) -> Iterator[Diagnostic]:
    """Yield the distribution's requirements that the machine does not meet; `staging`: files must be sent."""
    yield from _system(facts)
    for need in distro.requirements(node.role):
        match need:
            case Memory():
                yield from _memory(node, facts, need)
            case FreeSpace() if staging:
                yield from _disk(facts, need)
            case KernelModule():
                yield from _module(facts, need)
            case CgroupController():
                yield from _controller(facts, need)
            case UsableFolder():
                yield from _folder(facts, need)
    yield from _ports(distro, node, facts)


def programs(
    distro: Distribution, node: DesiredNode, facts: NodeFacts, *, bundled: bool | None
) -> Iterator[Diagnostic]:
    """Yield the missing programs; `bundled`: whether the artifacts contain them, None if that is not known.

    Nothing where the machine did not say what it has.
    """
    needs = [one for one in distro.requirements(node.role) if isinstance(one, Program)]
    for need in needs if facts.programs is not None else ():
        if need.name in (facts.programs or ()) or (need.bundled and bundled):
            continue
        unknown = need.bundled and bundled is None
        if unknown and not need.vital:
            continue
        reason = f"{facts.name} has no {need.name} in the search path of services, for {need.purpose}."
        if unknown:
            reason += " The vendor's release brings its own, a build from source does not."
        bad = need.vital and not unknown
        yield Diagnostic(
            "KB0835",
            reason,
            f"install the package {need.package} on {facts.name}",
            severity=Severity.ERROR if bad else Severity.WARNING,
        )


def clock(facts: NodeFacts) -> Iterator[Diagnostic]:
    """Yield a problem if the machine's clock differs too much from this machine's."""
    skew = abs(facts.clock_skew)
    if skew <= SKEW_WARNING:
        return
    where = "ahead of" if facts.clock_skew > 0 else "behind"
    yield Diagnostic(
        "KB0803",
        f"The clock of {facts.name} is {skew} s {where} the clock of this machine.",
        "set the clock, or start time synchronisation (systemd-timesyncd, chrony) on the wrong machine",
        severity=Severity.ERROR if skew > SKEW_LIMIT else Severity.WARNING,
    )


def _system(facts: NodeFacts) -> Iterator[Diagnostic]:
    if facts.arch not in ("amd64", "arm64"):
        yield Diagnostic(
            "KB0802",
            f"{facts.name} has a processor of type '{facts.arch}'; there are files for amd64 and arm64.",
            "use another machine",
        )
    if not facts.systemd:
        yield Diagnostic(
            "KB0806",
            f"{facts.name} ({facts.os or 'unknown system'}) does not run systemd.",
            "use an image of Debian, Ubuntu, SUSE or a Red Hat family, or start systemd as its first process",
        )
    if not facts.cgroup_memory:
        yield Diagnostic(
            "KB0805",
            f"The memory cgroup of {facts.name} is off, and the kubelet does not start without it.",
            "add cgroup_enable=memory cgroup_memory=1 to the kernel's command line and reboot",
            summary="Kernel cannot limit memory",
        )
    if not facts.default_route:
        yield Diagnostic(
            "KB0820",
            f"{facts.name} has no default route; {_titles()} find their own address through it.",
            "add one, also to a dummy interface: ip route add default dev <interface>",
            severity=Severity.WARNING,
        )


def _titles() -> str:
    return " and ".join(one.traits.title for one in distros.every())


def _memory(node: DesiredNode, facts: NodeFacts, need: Memory) -> Iterator[Diagnostic]:
    if facts.memory >= need.enough:
        return
    yield Diagnostic(
        "KB0805",
        f"{facts.name} has {facts.memory} MiB of memory; a {node.role} should have {need.enough} MiB.",
        "give the machine more memory, or choose a larger flavor",
        severity=Severity.ERROR if facts.memory < need.least else Severity.WARNING,
        summary="Little memory",
    )


def _disk(facts: NodeFacts, need: FreeSpace) -> Iterator[Diagnostic]:
    free = facts.disk_data if need.place == "data" else facts.disk_binary
    if free < need.size:
        yield Diagnostic(
            "KB0804",
            f"{facts.name} has {free} MiB free below {need.folder}; the installation needs {need.size} MiB.",
            f"free some space: df -h {need.folder}; du -xsh /* on that machine",
        )


def _module(facts: NodeFacts, need: KernelModule) -> Iterator[Diagnostic]:
    if need.name in facts.lacking_modules:
        yield Diagnostic(
            "KB0836",
            f"The kernel of {facts.name} has no module {need.name}, for {need.purpose}.",
            "install the rest of the kernel's modules (linux-modules-extra, kernel-modules-extra), or "
            "another kernel; then reboot",
            severity=Severity.ERROR if need.vital else Severity.WARNING,
        )


def _controller(facts: NodeFacts, need: CgroupController) -> Iterator[Diagnostic]:
    if facts.cgroups is not None and need.name not in facts.cgroups and need.name != _MEMORY:
        yield Diagnostic(
            "KB0836",
            f"{facts.name} has no cgroup controller {need.name}, and the kubelet does not start without it.",
            "look at cgroup_disable on the kernel's command line; in a container, let its engine delegate it",
        )


def _folder(facts: NodeFacts, need: UsableFolder) -> Iterator[Diagnostic]:
    found = sorted(facts.mounts.get(need.folder, frozenset()) & {*need.refused})
    if found:
        yield Diagnostic(
            "KB0837",
            f"{need.folder} of {facts.name} is mounted {' and '.join(found)}: {need.purpose}.",
            f"mount its file system without {' and '.join(found)}: findmnt -T {need.folder}",
        )


def _ports(distro: Distribution, node: DesiredNode, facts: NodeFacts) -> Iterator[Diagnostic]:
    busy = sorted(facts.listening & {*ports(distro.requirements(node.role))})
    if busy:
        yield Diagnostic(
            "KB0838",
            f"Another program on {facts.name} listens on TCP port {', '.join(map(str, busy))}, "
            "which Kubernetes needs.",
            f"`ss -ltnp` on {facts.name} shows which one; stop it",
        )
