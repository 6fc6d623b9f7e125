"""Configuration files of components: YAML or JSON, and the kubelet's drop-ins."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from kbootstrap.checks.conformance.audited_node import AuditedNode
from kbootstrap.cluster.state.audit_facts import Arguments, AuditFacts


class Unread(Exception):
    """Facts that could not be read; the message is the reason."""


def tree(facts: AuditFacts, path: str) -> Mapping[str, Any]:
    """Return the content of a file; raises `Unread`."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if path not in facts.texts:
        raise Unread(f"{path} could not be read: {facts.unread.get(path, 'it is not there')}")
    try:
        found = YAML(typ="safe").load(facts.texts[path])
    except (YAMLError, ValueError) as error:
        raise Unread(f"{path} is not YAML") from error
    if not isinstance(found, Mapping):
        raise Unread(f"{path} is not a map")
    return found


def kubelet_config(facts: AuditFacts, arguments: Arguments, node: AuditedNode) -> Mapping[str, Any]:
    """Return the kubelet's configuration; empty if it has none. Raises `Unread`.

    Drop-ins override the file of `--config`, in the order of their names (Kubernetes: "Set Kubelet
    Parameters Via A Configuration File").
    """
    pattern = node.path("{kubelet_config}")
    drop_ins = sorted(one for one in (*facts.texts, *facts.unread) if fnmatchcase(one, pattern))
    if "config-dir" in arguments and not drop_ins:
        raise Unread(f"the configuration of the kubelet in {arguments['config-dir'][-1]} could not be read")
    whole: Mapping[str, Any] = {}
    for path in (*arguments.get("config", ())[-1:], *drop_ins):
        whole = _merged(whole, tree(facts, path))
    return whole


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Mapping[str, Any]:
    both = {key: value for key, value in over.items() if value is not None}
    for key, value in base.items():
        own = both.get(key)
        if key not in both:
            both[key] = value
        elif isinstance(value, Mapping) and isinstance(own, Mapping):
            both[key] = _merged(value, own)
    return both


def value(config: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    """Return the values of a key with dots, as arguments have them; None if it is not there."""
    found: Any = config
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    if found is None:
        return None
    if isinstance(found, Mapping):
        return tuple(f"{name}={_word(inner)}" for name, inner in found.items())
    return tuple(map(_word, found)) if isinstance(found, list) else (_word(found),)


def _word(found: object) -> str:
    return str(found).lower() if isinstance(found, bool) else str(found)
