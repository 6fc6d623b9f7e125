"""The kind of work that a span is. Pure.

Names of steps are texts for people. A step is recognised by its first word; any other step has the kind of
its phase.
"""

from __future__ import annotations

import enum
import re

from kbootstrap.timeline.spans import TimelineSpan


class SpanKind(enum.StrEnum):
    """A kind of work; the value is its name in a legend."""

    PLAN = "prepare and plan"
    INFRASTRUCTURE = "infrastructure"
    CONNECT = "connect"
    FILES = "artifacts and files"
    SERVICE = "services"
    WAIT = "wait"
    NODES = "other work on nodes"


_PHASES = {
    "prepare": SpanKind.PLAN,
    "plan": SpanKind.PLAN,
    "infrastructure": SpanKind.INFRASTRUCTURE,
    "connect": SpanKind.CONNECT,
    "artifacts": SpanKind.FILES,
    "kubeconfig": SpanKind.FILES,
}
_WORDS = {
    "wait": SpanKind.WAIT,
    "ask": SpanKind.WAIT,
    "connect": SpanKind.CONNECT,
    "host": SpanKind.CONNECT,
    "obtain": SpanKind.FILES,
    "send": SpanKind.FILES,
    "write": SpanKind.FILES,
    "change": SpanKind.FILES,
    "start": SpanKind.SERVICE,
    "stop": SpanKind.SERVICE,
    "restart": SpanKind.SERVICE,
    "enable": SpanKind.SERVICE,
    "prevent": SpanKind.SERVICE,
}
_RESOURCE = re.compile(r"(create|update|delete|destroy|replace|read|remove|forget|change) (?!/)\w\S*\.\w\S*")
"""An action of OpenTofu on an address. `change` is also a step on a file, or to a version."""


def kind(span: TimelineSpan) -> SpanKind:
    """Return the kind of a span."""
    if span.step is None:
        return _PHASES.get(span.phase, SpanKind.NODES)
    if _RESOURCE.fullmatch(span.step):
        return SpanKind.INFRASTRUCTURE
    word = span.step.partition(" ")[0]
    return _WORDS.get(word) or _PHASES.get(span.phase, SpanKind.NODES)
