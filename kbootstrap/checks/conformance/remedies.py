"""How to fix what an audit finds: in the spec, or on the host. Sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kbootstrap.checks.conformance.audit import ArgumentReading, Audit, EtcdReading, KernelReading, Reading
from kbootstrap.checks.conformance.audited_node import AuditedNode

DROP_IN = "90-audit.yaml"
"""A name that comes after those of kbootstrap's own files: of drop-ins, the last one counts."""
_SHOWN = 3
"""So many files are named in a remedy; more are named by their pattern."""


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting, and the value that it should have; empty if none can be recommended."""

    name: str
    value: str


def of_settings(audit: Audit, reading: Reading, changes: Sequence[SettingChange], node: AuditedNode) -> str:
    """Return how to fix settings."""
    if audit.fix:
        return own(audit, node)
    match reading:
        case ArgumentReading():
            key = f"{reading.component}-arg"
            return _sentences(audit, node, _drop_in(audit, key, changes, node))
        case EtcdReading():
            return _sentences(audit, node, _drop_in(audit, "etcd-arg", changes, node))
        case KernelReading():
            lines = _listed(f"{one.name} = {one.value}" for one in changes)
            return _sentences(
                audit, node, f"Write {lines} to a file in /etc/sysctl.d, and run `sysctl --system`."
            )
    lines = _listed(f"{one.name} {one.value}" for one in changes)
    return (
        f"Write {lines} to a file in /etc/ssh/sshd_config.d (where `sshd_config` includes that folder, and "
        "before other settings of that name: the first one counts), try it with `sshd -t`, and reload sshd."
    )


def of_modes(
    audit: Audit, mode: int, paths: Sequence[str], patterns: Sequence[str], node: AuditedNode
) -> str:
    """Return how to fix permissions: bits that are too many are taken away."""
    return _sentences(audit, node, f"Run `chmod {mode:o} {_named(paths, patterns)}`.")


def of_owners(
    audit: Audit, owner: str, paths: Sequence[str], patterns: Sequence[str], node: AuditedNode
) -> str:
    """Return how to fix the owner of files."""
    if audit.fix:
        return own(audit, node)
    return _sentences(audit, node, f"Run `chown {owner} {_named(paths, patterns)}`.")


def own(audit: Audit, node: AuditedNode) -> str:
    """Return the sentence of the audit itself."""
    places = {"settings": node.sources.settings, "unit": node.unit, **node.sources.places}
    return _sentences(audit, node, audit.fix.format_map(places))


def _drop_in(audit: Audit, key: str, changes: Sequence[SettingChange], node: AuditedNode) -> str:
    """Return how to change arguments; the distribution's own are overridden by files of its folder."""
    restart = f"restart {node.unit}" + (", one server after the other" if node.role == "server" else "")
    if audit.usual:
        names = _listed(one.name for one in changes)
        return (
            f"The distribution sets this unless it is overridden: remove {names} from `{key}` in the files "
            f"of {node.sources.settings}, and {restart}."
        )
    values = _listed(f"{one.name}={node.path(one.value)}" for one in changes)
    return f"Add {values} to the list `{key}+` in {node.sources.settings}/{DROP_IN}, and {restart}."


def _sentences(audit: Audit, node: AuditedNode, host: str) -> str:
    if not audit.spec:
        return host
    rest = f"{host[0].lower()}{host[1:]}"
    if audit.spec in node.chosen:
        return f"The spec has `{audit.spec}`: `kbootstrap apply` restores it. If it does not, {rest}"
    return f"Set `{audit.spec}` in the spec of a new cluster. In an existing one, {rest}"


def _named(paths: Sequence[str], patterns: Sequence[str]) -> str:
    return " ".join(paths if len(paths) <= _SHOWN else patterns)


def _listed(names: Iterable[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)
