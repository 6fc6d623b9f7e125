"""Measures how long a pod waits for a machine, and how much of that is kbootstrap's own share.

    python -m bench.elastic [--cloud] [--sizes 1,3] [--tofu PROGRAM]

A client asks the server of the autoscaler for so many machines at once, as Cluster Autoscaler does for pods
that wait. The server's log says when each was requested, when it ran and answered, which steps followed, and
when its Node was Ready. Of that time the boot (until the machine answers SSH) and the start of Kubernetes
(until the Node is Ready) are not kbootstrap's; all the rest is its own share.

On the local provider, or (`--cloud`) on the test cloud. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.results import keep
from tests.e2e.autoscaler import Scaler, elastic, joined, scaler, until
from tests.e2e.lab import LONG, Lab, leftovers, program
from tests.e2e.specs import local_spec
from tests.e2e.stack import spec as cloud_spec
from tests.e2e.stack import stack

C = "benchgrow"
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


def measure(lab: Lab, cluster: str, group: str, sizes: Iterable[int]) -> list[dict[str, Any]]:
    """Ask for so many machines at once, one size after the other; nothing is left in between."""
    static = lab.ready_nodes()
    with scaler(lab, cluster) as server:
        return [_grow(lab, server, group, static, size) for size in sizes]


def _grow(lab: Lab, server: Scaler, group: str, static: set[str], size: int) -> dict[str, Any]:
    before = len(server.lines)
    server.grow(group, size)
    names = joined(lab, static, size)
    until("the server knows", lambda: len(shares(server.lines[before:])) == size)
    found = shares(server.lines[before:])
    for name in names:
        server.remove(group, name)
    until("they are gone", lambda: elastic(lab, static) == set() and server.target(group) == 0)
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
def local(folder: Path, tofu: str, most: int) -> Iterator[tuple[Lab, str]]:
    """Lend a cluster of containers; returns it with the name of its group."""
    lab = Lab(folder, tofu, extra={"KBOOTSTRAP_TOFU": tofu})
    pools = f"      - {{name: load, autoscaling: {{min: 0, max: {most}}}}}\n"
    lab.spec(local_spec(C, name="bench", pools=pools))
    try:
        lab.run("apply", "-y", "spec.yaml", timeout=LONG)
        yield lab, "load"
    finally:
        lab.run("destroy", "-y", "spec.yaml", code=None)
        if left := leftovers("bench", C):
            sys.stderr.write(f"left: {left}\n")


@contextlib.contextmanager
def cloud(folder: Path, most: int) -> Iterator[tuple[Lab, str]]:
    """Lend a cluster of the test cloud; returns it with the name of its group."""
    with stack(folder, "grow") as made:
        pool = f"{{name: load, flavor: lab.small, autoscaling: {{min: 0, max: {most}}}}}"
        made.spec(cloud_spec(C, f"[{pool}]"))
        try:
            made.apply()
            made.choose(C)
            yield made.lab, "load/lab.small"
        finally:
            made.destroy()


def main() -> None:
    """Measure, keep and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cloud", action="store_true", help="on the test cloud (make cloud)")
    parser.add_argument("--sizes", default="1,3", help="how many machines are asked for at once")
    parser.add_argument("--tofu")
    options = parser.parse_args()
    sizes = [int(one) for one in options.sizes.split(",")]
    tofu = options.tofu or program("tofu") or program("terraform")
    if tofu is None:
        sys.exit("OpenTofu or Terraform is needed: make setup")
    with tempfile.TemporaryDirectory(prefix="kb-bench-") as name:
        folder = Path(name) / "lab"
        folder.mkdir()
        lent = cloud(folder, max(sizes)) if options.cloud else local(folder, tofu, max(sizes))
        with lent as (lab, group):
            rows = measure(lab, C, group, sizes)
    ratios = {f"own_of_{row['machines']}": row["own"]["median"] / row["total"]["median"] for row in rows}
    keep("elastic_cloud" if options.cloud else "elastic", {"growth": rows}, ratios)


if __name__ == "__main__":
    main()
