"""Applies with the real planner and the real scheduler over simulated nodes, on a simulated clock.

    python -m bench.scale.simulated [--nodes 500] [--uplink 1000]

Only waiting takes simulated time: the length of a run is that of its critical path. What kbootstrap adds to
it is the processor time of its own code, and what it notices late because it asks at intervals: a second run
asks every 0.1 s instead. Ratios compare the processor time with that of parsing a large YAML, and the
critical path with what it cannot be shorter than: the transfers; and without these, the servers alone.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from bench.large_plan import SHAPES, parse
from bench.results import keep
from kbootstrap.cluster.api import observe
from kbootstrap.cluster.converge import node_actions, readiness, watch
from kbootstrap.cluster.observe import credentials
from tests.fleet import infra, kube
from tests.fleet.commands import Shell
from tests.fleet.desk import Desk
from tests.fleet.doors import SSH
from tests.fleet.wishes import VERSIONS, Pool, Wish
from tests.fleet.world import World

SERVERS = 3
SIZES = {"k3s": 68.0, "k3s-airgap-images-amd64.tar.zst": 162.0}
"""MB of the large files that each node gets (k3s v1.32)."""
_FINE = 0.1
_RUNS = 3
"""Of the same apply; the fastest counts."""
_NO_LIMIT = 1e6
"""MB per second: transfers take no time."""
_POLLS = (
    (watch, "POLL"),
    (node_actions, "POLL"),
    (observe, "POLL"),
    (credentials, "POLL"),
    (readiness, "_PAUSE"),
)


@dataclass
class Uplink:
    """The operator's connection: files go one after the other. `rate` is in MB per second."""

    world: World
    rate: float
    free: float = 0.0

    def __call__(self, destination: str) -> float:
        """Return the seconds until a file that is sent now has arrived."""
        size = SIZES.get(destination.rpartition("/")[2], 0.0)
        self.free = max(self.free, self.world.now) + size / self.rate
        return self.free - self.world.now + SSH


@dataclass
class Stopwatch:
    """Sums the processor time of what simulates, so that the rest is kbootstrap's."""

    seconds: float = 0.0
    _depth: int = field(default=0, repr=False)

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return the same function, with its time added."""

        def timed(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - any function's
            if self._depth:
                return work(*arguments, **named)
            self._depth, begun = 1, time.process_time()
            try:
                return work(*arguments, **named)
            finally:
                self._depth = 0
                self.seconds += time.process_time() - begun

        return timed


@dataclass(frozen=True, slots=True)
class Run:
    """One apply: simulated seconds, and processor seconds of kbootstrap and of what simulates."""

    length: float
    processor: float
    simulator: float
    calls: int


@contextmanager
def _simulator(watched: Stopwatch) -> Iterator[None]:
    with ExitStack() as patches:
        for owner, name in (
            (World, "advance"),
            (World, "verify"),
            (Shell, "run"),
            (kube, "ask"),
            (infra.Tofu, "_carry_out"),
        ):
            patches.enter_context(mock.patch.object(owner, name, watched.around(getattr(owner, name))))
        yield


def apply(desk: Desk) -> Run:
    """Apply once; raises what kbootstrap reports."""
    watched, begun = Stopwatch(), desk.world.now
    with _simulator(watched):
        started = time.process_time()
        ended = desk.apply()
        used = time.process_time() - started
    if ended.error:
        raise ended.error
    return Run(desk.world.now - begun, used - watched.seconds, watched.seconds, len(ended.calls))


def first(nodes: int, uplink: float, *, fine: bool = False) -> tuple[Run, Run]:
    """Create a cluster and apply again; `uplink` in MB per second, `fine`: with looks every 0.1 s."""
    with tempfile.TemporaryDirectory(prefix="kbootstrap-simulated-") as folder, ExitStack() as patches:
        for owner, name in _POLLS if fine else ():
            patches.enter_context(mock.patch.object(owner, name, _FINE))
        world, pools = World(), (Pool("web", nodes - SERVERS),)
        desk = Desk(Path(folder), world, Uplink(world, uplink))
        wish = Wish(servers=SERVERS, version=VERSIONS[1], pools=pools, pod_cidr="10.128.0.0/12")
        desk.spec.write_text(wish.text())
        return apply(desk), apply(desk)


def measure(nodes: int, uplink: float) -> dict[str, Any]:
    """Return the figures for a cluster of so many nodes; `uplink` in Mbit per second."""
    runs, floors = [], []
    for _ in range(_RUNS):
        floors.append(parse(SHAPES["large_plan"]))
        runs.append(first(nodes, uplink / 8))
    made, again = min(runs, key=lambda run: run[0].processor)
    fine, _ = first(nodes, uplink / 8, fine=True)
    quick, _ = first(nodes, _NO_LIMIT)
    servers, _ = first(SERVERS, _NO_LIMIT)
    late = max(0.0, made.length - fine.length)
    return {
        "nodes": nodes,
        "uplink": uplink,
        "critical_path": round(made.length, 1),
        "noticed_late": round(late, 1),
        "processor": round(made.processor, 2),
        "simulator": round(made.simulator, 2),
        "floor": round(min(floors), 2),
        "orchestration": round((made.processor + late) / made.length, 4),
        "second": {"critical_path": round(again.length, 2), "processor": round(again.processor, 2)},
        "without_transfers": {
            "critical_path": round(quick.length, 1),
            "servers_alone": round(servers.length, 1),
            "processor": round(quick.processor, 2),
        },
        "memory_with_simulator": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    """Measure, keep and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=500)
    parser.add_argument("--uplink", type=float, default=1000, help="Mbit per second, to all nodes together")
    options = parser.parse_args()
    found = measure(options.nodes, options.uplink)
    sent = options.nodes * sum(SIZES.values()) * 8 / options.uplink
    quick = found["without_transfers"]
    ratios = {
        "processor": found["processor"] / found["floor"],
        "path_to_transfers": found["critical_path"] / sent,
        "path_to_servers": quick["critical_path"] / quick["servers_alone"],
    }
    keep("simulated", found, ratios)


if __name__ == "__main__":
    main()
