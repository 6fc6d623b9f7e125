"""Measures how long a pod waits for a machine, and how much of that is kbootstrap's own share.

    python -m bench.elastic [--cloud] [--sizes 1,3] [--tofu PROGRAM]

A client asks the server of the autoscaler for so many machines at once, as Cluster Autoscaler does for pods
that wait. On the local provider the server runs on this machine, on the test cloud (`--cloud`) both run as
pods. The server's log says when each was requested, when it ran and answered, which steps followed, and
when its Node was Ready. Of that time the boot (until the machine answers SSH) and the start of Kubernetes
(until the Node is Ready) are not kbootstrap's; all the rest is its own share.

Prints one JSON document.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from bench.labs import arguments, folder, local_lab
from bench.results import keep
from tests.e2e.autoscaler import Scaler, elastic, joined, log_lines, scaler, until
from tests.e2e.lab import LONG, Lab, opentofu
from tests.e2e.pod_client import SERVER, SYSTEM, call, remove, rolled_out, spec_key
from tests.e2e.specs import local_spec
from tests.e2e.stack import spec as cloud_spec
from tests.e2e.stack import stack

C, POOL = "benchgrow", "load"
STARTS = ("start ", "wait ")
"""How titles of steps begin in which Kubernetes starts."""


@dataclass(frozen=True, slots=True)
class Share:
    """Where the time of one node went, in seconds."""

    name: str
    total: float
    boot: float
    start: float

    @property
    def own(self) -> float:
        """What is neither the machine's boot nor the start of Kubernetes."""
        return self.total - self.boot - self.start


def shares(lines: Iterable[Mapping[str, Any]]) -> list[Share]:
    """Return the shares of the nodes that became Ready in a log of the server, in their order; pure."""
    wanted: dict[str, datetime] = {}
    requested: dict[str, datetime] = {}
    answered: dict[str, datetime] = {}
    starts: dict[str, float] = {}
    found = []
    for line in lines:
        name, at = str(line.get("name", "")), datetime.fromisoformat(line["time"])
        match line["event"], line.get("phase") or line.get("step"):
            case "machine", "wanted":
                wanted[name] = at
            case "machine", "creating":
                requested[name] = at
            case "machine", "running" if name in wanted and name in answered:
                boot = (answered[name] - requested[name]).total_seconds()
                total = (at - wanted[name]).total_seconds()
                found.append(Share(name, total, boot, starts.get(name, 0.0)))
            case "step", "connect":
                answered.setdefault(name, at)
            case "step", str(title) if title.startswith(STARTS):
                starts[name] = starts.get(name, 0.0) + float(line["seconds"])
    return found


class Site(Protocol):
    """A cluster whose server makes machines."""

    lab: Lab

    def lines(self) -> list[dict[str, Any]]:
        """Return the log of the server."""

    def grow(self, number: int) -> None:
        """Ask for so many nodes more."""

    def remove(self, name: str) -> None:
        """Drain a node and delete its machine."""

    def size(self) -> int:
        """Return the target."""


@dataclass
class Started:
    """A cluster of containers. The server runs on this machine."""

    lab: Lab
    server: Scaler

    def lines(self) -> list[dict[str, Any]]:
        """Return the log of the server."""
        return self.server.lines

    def grow(self, number: int) -> None:
        """Ask for so many nodes more."""
        self.server.grow(POOL, number)

    def remove(self, name: str) -> None:
        """Drain a node and delete its machine."""
        self.server.remove(POOL, name)

    def size(self) -> int:
        """Return the target."""
        return self.server.target(POOL)


@dataclass
class Pods:
    """A cluster of the test cloud. The server runs there as a pod."""

    lab: Lab
    group: str = f"{POOL}/lab.small"

    def lines(self) -> list[dict[str, Any]]:
        """Return the log of the server."""
        return log_lines(self.lab.kubectl(*SYSTEM, "logs", f"deploy/{SERVER}"))

    def grow(self, number: int) -> None:
        """Ask for so many nodes more."""
        call(self.lab, "NodeGroupIncreaseSize", id=self.group, delta=number)

    def remove(self, name: str) -> None:
        """Drain a node and delete its machine."""
        remove(self.lab, self.group, name)

    def size(self) -> int:
        """Return the target."""
        return int(call(self.lab, "NodeGroupTargetSize", id=self.group).get("targetSize", 0))


def measure(site: Site, sizes: Iterable[int]) -> list[dict[str, Any]]:
    """Ask for so many machines at once, one size after the other; nothing is left in between."""
    static = site.lab.ready_nodes()
    return [_grow(site, static, size) for size in sizes]


def _grow(site: Site, static: set[str], size: int) -> dict[str, Any]:
    before = len(site.lines())
    site.grow(size)
    names = joined(site.lab, static, size)
    until("the server knows", lambda: len(shares(site.lines()[before:])) == size)
    found = shares(site.lines()[before:])
    for name in names:
        site.remove(name)
    until("they are gone", lambda: elastic(site.lab, static) == set() and site.size() == 0)
    row = {"machines": size} | {
        what: {"median": round(median(values), 1), "most": round(max(values), 1)}
        for what, values in (
            ("total", [one.total for one in found]),
            ("boot", [one.boot for one in found]),
            ("start", [one.start for one in found]),
            ("own", [one.own for one in found]),
        )
    }
    sys.stderr.write(f"{row}\n")
    return row


@contextlib.contextmanager
def local(place: Path, tofu: str, most: int) -> Iterator[Site]:
    """Lend a cluster of containers."""
    with local_lab(place, tofu, C) as lab:
        pools = f"      - {{name: {POOL}, autoscaling: {{min: 0, max: {most}}}}}\n"
        lab.spec(local_spec(C, name="bench", pools=pools))
        lab.run("apply", "-y", "spec.yaml", timeout=LONG)
        with scaler(lab, C) as server:
            yield Started(lab, server)


@contextlib.contextmanager
def cloud(place: Path, most: int) -> Iterator[Site]:
    """Lend a cluster of the test cloud."""
    with stack(place, "grow", password=True) as made:
        pool = f"{{name: {POOL}, flavor: lab.small, autoscaling: {{min: 0, max: {most}}}}}"
        made.spec(cloud_spec(C, f"[{pool}]"))
        made.edit("    pools: ", f"{spec_key(made.lab)}    pools: ")
        try:
            made.apply()
            made.choose(C)
            rolled_out(made.lab, LONG)
            yield Pods(made.lab)
        finally:
            made.destroy()


def main() -> None:
    """Measure, keep and print."""
    parser = arguments(__doc__)
    parser.add_argument("--sizes", default="1,3", help="how many machines are asked for at once")
    options = parser.parse_args()
    sizes = [int(one) for one in options.sizes.split(",")]
    tofu, most = opentofu(options.tofu), max(sizes)
    with folder() as place, cloud(place, most) if options.cloud else local(place, tofu, most) as site:
        rows = measure(site, sizes)
    ratios = {f"own_of_{row['machines']}": row["own"]["median"] / row["total"]["median"] for row in rows}
    keep("elastic_cloud" if options.cloud else "elastic", {"growth": rows}, ratios)


if __name__ == "__main__":
    main()
