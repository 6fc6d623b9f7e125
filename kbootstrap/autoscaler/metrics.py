"""Metrics in Prometheus' form. Those of groups are computed from the state when they are read."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from kbootstrap.autoscaler import sizes
from kbootstrap.autoscaler.fleet import Fleet
from kbootstrap.autoscaler.model import FAILURES, InstancePhase, Notice

_PREFIX = "kbootstrap_autoscaler"
_CALLS = (0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5)
_NODES = (15, 30, 45, 60, 90, 120, 180, 300, 600)


class Metrics:
    """The metrics of one server. `facts` returns single values by name: leader, certificate, spec."""

    def __init__(self, fleet: Fleet, facts: Callable[[], dict[str, float]]) -> None:
        self._registry = CollectorRegistry()
        self._calls = Histogram(
            f"{_PREFIX}_call_seconds",
            "Time to answer a call.",
            ["call", "status"],
            buckets=_CALLS,
            registry=self._registry,
        )
        self._refusals = Counter(f"{_PREFIX}_refusals", "Refused calls.", ["reason"], registry=self._registry)
        self._notices = Counter(
            f"{_PREFIX}_notices",
            "What happened, by reason and group.",
            ["reason", "group"],
            registry=self._registry,
        )
        self._ready = Histogram(
            f"{_PREFIX}_node_ready_seconds",
            "Time from the request for a node until it is Ready.",
            ["group"],
            buckets=_NODES,
            registry=self._registry,
        )
        fleet.ready_after = lambda group, seconds: self._ready.labels(group).observe(seconds)
        self._registry.register(_Groups(fleet))
        self._registry.register(_Facts(facts))

    def answered(self, call: str, status: str, seconds: float) -> None:
        """Count an answered call."""
        self._calls.labels(call, status).observe(seconds)

    def refused(self, reason: str) -> None:
        """Count a refusal."""
        self._refusals.labels(reason).inc()

    def noticed(self, notice: Notice) -> None:
        """Count a notice."""
        self._notices.labels(notice.reason, notice.group).inc()

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text form."""
        return generate_latest(self._registry)


class _Groups(Collector):
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def collect(self) -> Iterator[Any]:
        state, now = self._fleet.state, self._fleet.clock()
        names = {
            "minimum": "Smallest size that Cluster Autoscaler gets.",
            "maximum": "Largest size that Cluster Autoscaler gets.",
            "target": "Nodes that are there or on their way.",
            "running": "Nodes.",
            "failures": "Failures in a row.",
            "stopped": "1 while the group does not grow because of failures.",
        }
        found = {
            key: GaugeMetricFamily(f"{_PREFIX}_group_{key}", text, labels=["group"])
            for key, text in names.items()
        }
        phases = GaugeMetricFamily(f"{_PREFIX}_instances", "Instances by phase.", labels=["group", "phase"])
        for group in state.groups.values():
            least, most = sizes.limits(state, group, now)
            health = state.healthy(group.id)
            values = {
                "minimum": least,
                "maximum": most,
                "target": sizes.target(state, group),
                "running": sizes.running(state, group),
                "failures": health.failures,
                "stopped": health.failures >= FAILURES and now < health.stopped,
            }
            for key, value in values.items():
                found[key].add_metric([group.id], float(value))
            counts = Count(one.phase for one in state.of(group.id))
            for phase in InstancePhase:
                phases.add_metric([group.id, phase.value], counts[phase])
        yield from found.values()
        yield phases


class _Facts(Collector):
    def __init__(self, facts: Callable[[], dict[str, float]]) -> None:
        self._facts = facts

    def collect(self) -> Iterator[Any]:
        for name, value in self._facts().items():
            yield GaugeMetricFamily(f"{_PREFIX}_{name}", DESCRIPTIONS[name], value=value)


DESCRIPTIONS = {
    "leader": "1 on the server that acts.",
    "spec_valid": "1 if the spec in force is the one in the file.",
    "last_reading_timestamp_seconds": "When machines and Nodes were last read.",
    "certificate_expiry_timestamp_seconds": "When the server's certificate expires.",
    "unknown_instances": "Elastic machines of pools or flavors that the spec no longer has.",
}
"""Help texts of the single values."""
