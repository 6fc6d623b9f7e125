"""An audit: a rule for nodes, what is read for it, and what is expected of it. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.checks.conformance.expected import Expectation
from kbootstrap.checks.report import Rule


@dataclass(frozen=True, slots=True)
class ArgumentReading:
    """Arguments of a component. `keys` are those of its configuration file, if it has one (kubelet).

    `default` is the value without the argument; None: there is none.
    """

    component: str
    names: tuple[str, ...]
    keys: tuple[str, ...] = ()
    default: str | None = None


@dataclass(frozen=True, slots=True)
class EtcdReading:
    """Keys of etcd's configuration file, with dots; `default` is as for arguments."""

    keys: tuple[str, ...]
    default: str | None = None


@dataclass(frozen=True, slots=True)
class FileReading:
    """Permissions or owner of files. `paths` have the places of `AuditSources` in braces, and wildcards.

    `mode` are the permission bits that a file may have. The folders `etcd` and their files may also belong to
    the user etcd. `optional`: there may be no such file.
    """

    paths: tuple[str, ...]
    mode: int | None = None
    owner: str = ""
    etcd: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True)
class KernelReading:
    """A setting of the kernel (`sysctl`)."""

    name: str


@dataclass(frozen=True, slots=True)
class SshdReading:
    """An effective setting of sshd."""

    name: str


@dataclass(frozen=True, slots=True)
class OwnReading:
    """Facts that a function of its own judges: `own_audits.py`."""

    name: str


Reading = ArgumentReading | EtcdReading | FileReading | KernelReading | SshdReading | OwnReading


@dataclass(frozen=True, slots=True)
class Audit:
    """An audit of nodes of `roles`. `expected` is for readings of settings.

    How to fix it: `spec` is the key of the spec that does, with its value. `usual`: the distribution meets it
    unless a setting of its own is overridden. `value` is what to set, where `expected` does not say it. `fix`
    is a sentence that takes the place of the usual one. `pods`: only where the control plane runs in pods.
    """

    rule: Rule
    roles: tuple[str, ...]
    reading: Reading
    expected: Expectation | None = None
    spec: str = ""
    usual: bool = False
    value: str = ""
    fix: str = ""
    pods: bool = False
