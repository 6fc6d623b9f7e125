"""Audits that a function of their own judges: each returns what is wrong, or nothing; raises `Unread`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kbootstrap.checks.conformance.audited_node import AuditedNode
from kbootstrap.checks.conformance.config_files import Unread, tree, value
from kbootstrap.checks.conformance.settings import component
from kbootstrap.cluster.state.audit_facts import (
    CLOCK,
    ENCRYPTION,
    PORTS,
    SSHD,
    SWAP,
    UPDATES,
    AuditFacts,
    Listener,
)

Judge = Callable[[AuditFacts, AuditedNode], str]

STRONG = ("aescbc", "kms", "secretbox")
"""Providers that the benchmark accepts; `identity` is none at all."""
FRESH = 7
"""Days after which package lists say nothing about today's updates."""
_DAY = 86400
_CLIENTS = frozenset({("UDP", 68), ("UDP", 546)})
"""Where programs of the system wait for answers of DHCP servers."""
_SHOWN = 5


def _encryption(facts: AuditFacts, node: AuditedNode) -> str:
    del node
    if "encryption-provider-config" not in component(facts, "kube-apiserver"):
        return "Secrets are not encrypted"
    if reason := facts.unread.get(ENCRYPTION):
        raise Unread(reason)
    if not facts.providers:
        raise Unread("the configuration of encryption names no provider")
    first = facts.providers[0]
    return "" if first in STRONG else f"new Secrets are written with the provider {first}"


def _etcd_authority(facts: AuditFacts, node: AuditedNode) -> str:
    clients = component(facts, "kube-apiserver").get("client-ca-file", ("",))[-1]
    own = value(tree(facts, node.etcd_config), "client-transport-security.trusted-ca-file")
    if not own or not clients:
        raise Unread("the authorities of etcd and of the API server are not both known")
    return f"etcd trusts {own[-1]}, as the API server does" if own[-1] == clients else ""


def _audit_policy(facts: AuditFacts, node: AuditedNode) -> str:
    del node
    given = component(facts, "kube-apiserver").get("audit-policy-file")
    if not given:
        return "there is no audit policy"
    rules = tree(facts, given[-1]).get("rules") or ()
    levels = {rule.get("level") for rule in rules if isinstance(rule, Mapping)}
    return "" if levels - {None, "None"} else f"no rule of {given[-1]} logs anything"


def _pod_security(facts: AuditFacts, node: AuditedNode) -> str:
    del node
    given = component(facts, "kube-apiserver").get("admission-control-config-file")
    if not given:
        return "there is no configuration of admission plugins, so every pod is admitted"
    levels = {_level(plugin) for plugin in _plugins(tree(facts, given[-1]))}
    if levels & {"baseline", "restricted"}:
        return ""
    return f"{given[-1]} does not enforce a Pod Security Standard"


def _plugins(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for one in config.get("plugins") or ():
        if isinstance(one, Mapping) and one.get("name") == "PodSecurity":
            if one.get("path") and not one.get("configuration"):
                raise Unread(f"the configuration of PodSecurity is in {one['path']}, which is not read")
            yield one


def _level(plugin: Mapping[str, Any]) -> str:
    return (value(plugin, "configuration.defaults.enforce") or ("",))[0]


def _clock(facts: AuditFacts, node: AuditedNode) -> str:
    del node
    if facts.synchronized is None:
        raise Unread(facts.unread.get(CLOCK, "no program reports whether the clock is synchronised"))
    return "" if facts.synchronized else "the kernel reports that nothing synchronises its clock"


def _swap(facts: AuditFacts, node: AuditedNode) -> str:
    del node
    if facts.swap is None:
        raise Unread(facts.unread.get(SWAP, "the kernel does not say whether there is any"))
    return f"swap is on: {', '.join(facts.swap)}" if facts.swap else ""


def _updates(facts: AuditFacts, node: AuditedNode) -> str:
    del node
    if facts.updates is None:
        raise Unread(facts.unread.get(UPDATES, "the package manager did not answer"))
    count, names = len(facts.updates.names), facts.updates.names[:_SHOWN]
    if count:
        more = f" and {count - _SHOWN} more" if count > _SHOWN else ""
        return f"{count} pending: {', '.join(names)}{more}"
    if facts.updates.age > FRESH * _DAY:
        raise Unread(f"the package lists are {facts.updates.age // _DAY} days old; fetch them on the machine")
    return ""


def _ports(facts: AuditFacts, node: AuditedNode) -> str:
    """Judge listening sockets. UDP ports that the kernel gives to clients wait for answers only."""
    if facts.listeners is None:
        raise Unread(facts.unread.get(PORTS, "no listening program was found, not even sshd"))
    if "port" not in facts.sshd:
        raise Unread(f"the port of sshd is not known: {facts.unread.get(SSHD, 'sshd -T does not show it')}")
    expected = {(one.protocol, one.number) for one in node.ports} | _CLIENTS
    expected |= {("TCP", int(port)) for port in facts.sshd["port"] if port.isdecimal()}
    found = [one for one in facts.listeners if (one.protocol, one.port) not in expected]
    others = [one for one in found if one.protocol == "TCP" or one.port < facts.client_ports]
    return ", ".join(map(_shown, sorted(others, key=lambda one: (one.protocol, one.port))))


def _shown(one: Listener) -> str:
    return f"{one} ({one.program or 'program unknown'})"


JUDGES: Mapping[str, Judge] = {
    "encryption": _encryption,
    "etcd-authority": _etcd_authority,
    "audit-policy": _audit_policy,
    "pod-security": _pod_security,
    "clock": _clock,
    "swap": _swap,
    "updates": _updates,
    "ports": _ports,
}
"""The functions by the names that the data uses."""
