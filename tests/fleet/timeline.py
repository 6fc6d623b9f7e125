"""The data of a simulated fleet, and what happens later."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from tests.fleet.machines import Cluster, Machine


class Broken(AssertionError):
    """Something happened that must never happen."""


@dataclass
class Timeline:
    """Everything that outlives a run. Plain data: it can be copied with pickle. `kind` is the distribution.

    `endpoint` are the addresses of servers behind the registration address. `touched` names the nodes
    that were changed, and by what. `watched` has, by pool, how many of these agents may be away at the same
    time. `shares`: new artifacts come into `shared`, which every machine sees, by their checksums. `creating`
    is what OpenTofu still creates, by address; it fails at the address `breaks`. `offers` are the files that
    a machine passes on, by its address, and the token of the run. `reboots` are machines that rebooted on
    command, and when.
    """

    kind: str = "k3s"
    now: float = 0.0
    machines: dict[str, Machine] = field(default_factory=dict)
    clusters: list[Cluster] = field(default_factory=list)
    state: dict[str, dict[str, str]] = field(default_factory=dict)
    endpoint: list[str] = field(default_factory=list)
    touched: list[tuple[str, str]] = field(default_factory=list)
    watched: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    shares: bool = False
    shared: dict[str, bytes] = field(default_factory=dict)
    counter: int = 0
    bumpy: float = 0.0
    creating: dict[str, dict[str, str]] = field(default_factory=dict)
    breaks: str = ""
    offers: dict[str, dict[str, str]] = field(default_factory=dict)
    broke: bool = False
    reboots: list[tuple[str, float]] = field(default_factory=list)
    queue: list[tuple[float, int, str, str, int]] = field(default_factory=list)

    def later(self, seconds: float, what: str, name: str, number: int = 0) -> None:
        self.counter += 1
        heapq.heappush(self.queue, (self.now + seconds, self.counter, what, name, number))
