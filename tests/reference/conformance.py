"""`docs/reference/conformance.md`: all audits, from their data."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap import distros
from kbootstrap.checks.conformance.audit import (
    ArgumentReading,
    Audit,
    EtcdReading,
    FileReading,
    KernelReading,
    OwnReading,
    SshdReading,
)
from kbootstrap.checks.conformance.catalogue import audits
from tests.reference.markdown import cell

_HEAD = """\
# Audits

<!-- Written by `make docs` from kbootstrap/checks/conformance/audits/. -->

What `kbootstrap conformance` checks on every node ([conformance.md](../conformance.md)). Names with
numbers are those of the CIS Kubernetes Benchmark v1.11. Names in braces are places of the distribution:
"""
_TITLES = {
    "control_plane": "Servers",
    "node": "All nodes",
    "host": "Machines",
}
_OWN = {
    "encryption": (
        "names of the providers in the file of `--encryption-provider-config`",
        "the first is strong",
    ),
    "etcd-authority": ("`trusted-ca-file` of etcd, `--client-ca-file` of kube-apiserver", "they differ"),
    "audit-policy": ("file of `--audit-policy-file` of kube-apiserver", "a rule logs"),
    "pod-security": (
        "file of `--admission-control-config-file` of kube-apiserver",
        "PodSecurity enforces `baseline` or `restricted`",
    ),
    "clock": ("`timedatectl show`, otherwise `chronyc tracking`", "synchronised"),
    "swap": ("`/proc/swaps`", "none"),
    "updates": (
        "package lists of apt, dnf or zypper as they are on the machine, at most 7 days old",
        "no security update",
    ),
    "ports": (
        "`/proc/net`: TCP, and UDP below the range for clients; not those of 127.0.0.0/8 and ::1",
        "ports of [machines.md](machines.md), of sshd, of the provider's additions, and DHCP",
    ),
}


def page() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *_places(), *(line for part in _TITLES for line in _part(part))])


def _places() -> Iterator[str]:
    for one in distros.every():
        places = (f"`{{{name}}}` is `{path}`" for name, path in one.audits.places.items() if path)
        yield f"- {one.traits.title}: {', '.join(places)}"
    yield ""


def _part(part: str) -> Iterator[str]:
    yield f"## {_TITLES[part]}\n"
    yield "| audit | requirement | severity | read from | expected | key of the spec |"
    yield "|---|---|---|---|---|---|"
    for one in audits(part):
        spec = f"`{one.spec}`" if one.spec else ""
        where = " (static pods only)" if one.pods else ""
        row = [
            f"`{one.rule.id}`",
            f"{one.rule.title}{where}",
            str(one.rule.severity),
            _read(one),
            _expected(one),
            spec,
        ]
        yield f"| {' | '.join(map(cell, row))} |"
    yield ""


def _read(one: Audit) -> str:
    match one.reading:
        case ArgumentReading(component, names, keys):
            given = ", ".join(f"`--{name}`" for name in names) + f" of {component}"
            return f"{given}, or {_names(keys)} of its configuration" if keys else given
        case EtcdReading(keys):
            return f"{_names(keys)} of etcd's configuration"
        case FileReading(paths):
            return _names(paths)
        case KernelReading(name):
            return f"`sysctl {name}`"
        case SshdReading(name):
            return f"`{name}` of `sshd -T`"
        case OwnReading(name):
            return _OWN[name][0]


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _expected(one: Audit) -> str:
    match one.reading:
        case FileReading(mode=int(mode)):
            return f"mode {mode:o} or fewer permissions"
        case FileReading(owner=owner, etcd=folders):
            return f"owner {owner}" + (f", in {_names(folders)} also etcd:etcd" if folders else "")
        case OwnReading(name):
            return _OWN[name][1]
    return str(one.expected)
