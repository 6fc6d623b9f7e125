"""The kind of work that a span is. Pure.

Names of steps are texts for people. A step is recognised by its first word; any other step has the kind of
its phase.
"""

from __future__ import annotations

import enum
import re

from kbootstrap.timeline.spans import Span


class Kind(enum.StrEnum):
    """A kind of work; the value is its name in a legend."""

    PLAN = "prepare and plan"
    INFRASTRUCTURE = "infrastructure"
    CONNECT = "connect"
    FILES = "artifacts and files"
    SERVICE = "services"
    WAIT = "wait"
    NODES = "other work on nodes"


_PHASES = {
    "prepare": Kind.PLAN,
    "plan": Kind.PLAN,
    "infrastructure": Kind.INFRASTRUCTURE,
    "connect": Kind.CONNECT,
    "artifacts": Kind.FILES,
    "kubeconfig": Kind.FILES,
}
_WORDS = {
    "wait": Kind.WAIT,
    "ask": Kind.WAIT,
    "connect": Kind.CONNECT,
    "host": Kind.CONNECT,
    "obtain": Kind.FILES,
    "send": Kind.FILES,
    "write": Kind.FILES,
    "change": Kind.FILES,
    "start": Kind.SERVICE,
    "stop": Kind.SERVICE,
    "restart": Kind.SERVICE,
    "enable": Kind.SERVICE,
    "prevent": Kind.SERVICE,
}
_RESOURCE = re.compile(r"(create|update|delete|destroy|replace|read|remove|forget|change) (?!/)\w\S*\.\w\S*")
"""An action of OpenTofu on an address. `change` is also a step on a file, or to a version."""


def kind(span: Span) -> Kind:
    """Return the kind of a span."""
    if span.step is None:
        return _PHASES.get(span.phase, Kind.NODES)
    if _RESOURCE.fullmatch(span.step):
        return Kind.INFRASTRUCTURE
    word = span.step.partition(" ")[0]
    return _WORDS.get(word) or _PHASES.get(span.phase, Kind.NODES)
