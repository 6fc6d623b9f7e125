"""Applies with the real program over many hosts: real SSH connections to real sshd processes.

    python -m bench.scale.hosts [--hosts 100] [--delay 10]

Behind the sshd processes, the nodes are simulated (`tests/fleet`), and so is the API. The cluster exists.
Three applies: one that pins the hosts' keys, another one, and one with one more host. `--whole` begins with
machines that are empty. Prints one JSON document with what each apply cost kbootstrap's own process, and what
it asked of hosts and API. The ratio compares with OpenSSH, which logs in to each host once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.results import keep
from bench.scale import network
from bench.scale.api import Api, Identity
from bench.scale.floor import floor
from bench.scale.layout import NAMESPACE, Layout
from bench.scale.nodes import Call, Nodes, Took
from bench.scale.program import Measured, run
from bench.scale.seed import seed
from bench.scale.servers import Servers

_REQUEST = 0.01
"""Seconds in which the API answers."""
_START = 60.0
_READS = ("cat ", "for _ in $(seq ", "targets=")
"""Beginnings of scripts that look at files, at a service, and at the ways to other hosts."""


@dataclass(frozen=True, slots=True)
class Lab:
    """Hosts that answer. `network` says what delays them."""

    layout: Layout
    nodes: Nodes
    servers: Servers
    network: str

    @property
    def env(self) -> dict[str, str]:
        """The environment of kbootstrap."""
        folder = self.layout.folder
        return {
            "HOME": str(folder),
            "KUBECONFIG": str(folder / "kubeconfig"),
            "KBOOTSTRAP_CACHE": str(folder / "cache"),
            "NO_COLOR": "1",
        }

    async def kbootstrap(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run kbootstrap; return its figures, and what it asked for."""
        self.servers.connections()
        self.nodes.calls.clear()
        done = await asyncio.to_thread(run, [*arguments], self.layout.folder, self.env)
        if done.status != code:
            sys.exit(f"kbootstrap {' '.join(arguments)}: exit {done.status}\n{done.output[-4000:]}")
        return described(done, self.nodes.calls, self.servers.connections())


def described(done: Measured, calls: list[Call], connections: dict[str, int]) -> dict[str, Any]:
    """Return the figures of one run."""
    facts = Counter(call.host for call in calls if call.kind == "facts")
    others = Counter(call.kind.split(" ")[0] for call in calls if call.host != "api" and call.kind != "facts")
    changed = sorted({call.host for call in calls if call.host != "api" and not _looks(call)})
    return {
        **done.numbers(),
        "connections": {"hosts": len(connections), "most_to_one": max(connections.values(), default=0)},
        "facts": {"hosts": len(facts), "most_to_one": max(facts.values(), default=0)},
        "other_commands": dict(others),
        "changed_hosts": {"count": len(changed), "first": changed[:3]},
        "api": dict(Counter(call.kind.split(" ")[0] for call in calls if call.host == "api")),
    }


def _looks(call: Call) -> bool:
    """Return whether a script changes nothing on a host but the lease."""
    return call.kind in {"facts", "lease", "true"} or call.kind.startswith(_READS)


@contextlib.asynccontextmanager
async def lab(count: int, delay: float, *, whole: bool) -> AsyncIterator[Lab]:
    """Start `count` hosts; all but the last are a cluster, unless `whole`. Stop them at the end."""
    place, netem = network.prepare(delay)
    with tempfile.TemporaryDirectory(prefix="kbootstrap-scale-") as name:
        layout = Layout(Path(name), place, count)
        layout.write()
        identity = Identity.of(layout.endpoint)
        nodes = Nodes(layout, identity.kubeconfig(), Took())
        servers = Servers(layout, place.port if netem else place.inner)
        where = "network namespace" if place is NAMESPACE else "loopback"
        how = "netem" if netem else "a delay in front of each sshd"
        found = Lab(layout, nodes, servers, f"{where}, {how}")
        spec = layout.spec(layout.names[:-1])
        if not whole:
            await asyncio.to_thread(seed, spec, found.env, nodes.world)
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(asyncio.create_task(nodes.tick()).cancel)
            await nodes.listen(layout.folder / "nodes")
            await Api(nodes, _REQUEST).listen(layout.endpoint, identity.context(layout.folder))
            stack.callback(servers.stop)
            servers.start()
            if not netem:
                proxies = network.Delay(delay, place)
                stack.callback(proxies.close)
                await proxies.listen([*layout.addresses.values()])
            async with asyncio.timeout(_START):
                while not servers.listening():  # noqa: ASYNC110 - a log has no event
                    await asyncio.sleep(0.05)
            yield found


async def measure(count: int, delay: float, *, whole: bool) -> dict[str, Any]:
    """Measure the applies over `count` hosts; `delay` in seconds for one direction."""
    async with lab(count + 1, delay, whole=whole) as one:
        spec = str(one.layout.folder / "scale.yaml")
        first = await one.kbootstrap("apply", "-y", spec)
        again = await one.kbootstrap("apply", "-y", "--detailed-exitcode", spec)
        one.layout.spec(one.layout.names)
        added = await one.kbootstrap("apply", "-y", spec)
        return {
            "hosts": count,
            "round_trip": 2 * delay,
            "network": one.network,
            "whole" if whole else "first_contact": first,
            "second": again,
            "one_more": added,
            "floor": round(await floor(one.layout), 2),
        }


def main() -> None:
    """Measure, keep and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--delay", type=float, default=10, help="milliseconds, for one direction")
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    network.enter(["bench.scale.hosts", *sys.argv[1:]])
    found = asyncio.run(measure(options.hosts, options.delay / 1000, whole=options.whole))
    runs = sorted({"whole", "second"} & set(found))
    ratios: dict[str, float] = {name: found[name]["processor"] / found["floor"] for name in runs}
    keep(f"hosts_{options.hosts}", found, ratios)


if __name__ == "__main__":
    main()
