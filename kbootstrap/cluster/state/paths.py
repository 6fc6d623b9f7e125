"""Ways from one machine to another: what is tried, and what may answer. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kbootstrap.distros.requirements import Port, Protocol

Answer = Literal["open", "refused", "rejected", "unnamed", "silent"]
"""`refused`: a reset, or ICMP "port unreachable", which Linux reports alike, of the machine or of a firewall.
`rejected`: another ICMP error. `unnamed`: the host's name has no address. `silent`: nothing came."""


@dataclass(frozen=True, slots=True)
class Target:
    """One port of one host, as it is tried."""

    protocol: Protocol
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.protocol} {self.port} of {self.host}"


@dataclass(frozen=True, slots=True)
class Path:
    """A port that a node must reach. `owner` is the node on whose machine it is, None for another machine."""

    target: Target
    port: Port
    owner: str | None


@dataclass(frozen=True, slots=True)
class Tried:
    """A path from `source`, and its answer: None where nothing could be tried.

    `answers`: something is known to answer there, as seen on the machine itself.
    """

    source: str
    path: Path
    answer: Answer | None
    answers: bool
