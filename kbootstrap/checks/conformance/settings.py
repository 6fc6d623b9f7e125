"""Judges settings: arguments of components, keys of etcd, settings of the kernel and of sshd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from kbootstrap.checks.conformance import remedies
from kbootstrap.checks.conformance.audit import (
    ArgumentReading,
    Audit,
    EtcdReading,
    KernelReading,
    SshdReading,
)
from kbootstrap.checks.conformance.audited_node import AuditedNode
from kbootstrap.checks.conformance.config_files import Unread, kubelet_config, tree, value
from kbootstrap.checks.conformance.expected import Expectation, Values
from kbootstrap.checks.verdict import PASSED, Verdict, failed
from kbootstrap.cluster.state.audit_facts import SSHD, Arguments, AuditFacts

SettingReading = ArgumentReading | EtcdReading | KernelReading | SshdReading


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting. `shown` is its name in messages; `found` None: it is not set, and `default` applies."""

    name: str
    shown: str
    found: Values
    default: str | None = None

    @property
    def values(self) -> Values:
        """The values that apply."""
        if self.found is None and self.default is not None:
            return (self.default,)
        return self.found

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.shown} is not set" + (f"; the default is {self.default}" if self.default else "")
        return f"{self.shown} is {','.join(self.found) or 'empty'}"


def judge_settings(
    audit: Audit, reading: SettingReading, expected: Expectation, facts: AuditFacts, node: AuditedNode
) -> Verdict:
    """Return the verdict on the settings of an audit; raises `Unread`."""
    bad = [one for one in _read(reading, facts, node) if not expected.met(one.values)]
    if not bad:
        return PASSED
    changes = [remedies.SettingChange(one.name, audit.value or expected.target(one.found)) for one in bad]
    return failed("; ".join(map(str, bad)), remedies.of_settings(audit, reading, changes, node))


def component(facts: AuditFacts, name: str) -> Arguments:
    """Return the arguments of a component; raises `Unread`."""
    if name not in facts.arguments:
        raise Unread(
            f"the arguments of {name} could not be read: {facts.unread.get(name, 'it does not run')}"
        )
    return facts.arguments[name]


def _read(reading: SettingReading, facts: AuditFacts, node: AuditedNode) -> tuple[Setting, ...]:
    match reading:
        case ArgumentReading():
            return _arguments(reading, facts, node)
        case EtcdReading():
            config = tree(facts, node.etcd_config)
            return tuple(
                Setting(key, f"{key} of etcd", value(config, key), reading.default) for key in reading.keys
            )
        case KernelReading():
            if not facts.kernel.get(reading.name):
                raise Unread(f"the kernel does not show {reading.name}")
            return (Setting(reading.name, reading.name, (facts.kernel[reading.name],)),)
        case SshdReading():
            if reading.name.lower() not in facts.sshd:
                why = facts.unread.get(SSHD, f"sshd -T does not show {reading.name}")
                raise Unread(f"the settings of sshd could not be read: {why}")
            return (Setting(reading.name, reading.name, facts.sshd[reading.name.lower()]),)


def _arguments(reading: ArgumentReading, facts: AuditFacts, node: AuditedNode) -> tuple[Setting, ...]:
    """Read arguments; one that is given takes precedence over the configuration file."""
    given = component(facts, reading.component)
    config: Mapping[str, Any] = kubelet_config(facts, given, node) if reading.keys else {}
    return tuple(
        Setting(
            name,
            f"--{name} of {reading.component}",
            given.get(name) or (value(config, key) if key else None),
            reading.default,
        )
        for name, key in zip_longest(reading.names, reading.keys)
    )
