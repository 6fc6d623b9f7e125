"""`kbootstrap autoscaler simulate`: replays a load trace through the bounds of a spec; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.core.errors import WrongUsage
from kbootstrap.engine.spec import read_spec
from kbootstrap.simulation import build, trace
from kbootstrap.simulation.model import Delays, Simulation
from kbootstrap.simulation.quantities import Size
from kbootstrap.simulation.run import simulate
from kbootstrap.spec.model import Cluster, Spec


@dataclass(frozen=True, slots=True)
class Simulated:
    """The result for one cluster; `currency` is empty if the spec has no prices."""

    cluster: str
    currency: str
    result: Simulation


def run(
    path: Path, load: Path, cluster: str | None, sizes: Mapping[str, Size], reserved: Size, delays: Delays
) -> Simulated:
    """Simulate one cluster of a spec with the load of a trace."""
    spec = read_spec(path)
    chosen = _chosen(spec, cluster)
    pools, groups = build.groups(spec, chosen, sizes, reserved)
    names = frozenset(pool.name for pool in pools)
    result = simulate(pools, groups, trace.read(_text(load), str(load), names), delays)
    return Simulated(chosen.name, spec.prices.currency if spec.prices else "", result)


def _chosen(spec: Spec, name: str | None) -> Cluster:
    """Return the named cluster, else the only one with an autoscaled pool."""
    known = [cluster.name for cluster in spec.clusters]
    if name is not None:
        if name not in known:
            raise WrongUsage(
                f"{spec.path} has no cluster '{name}'", hint=f"it has: {', '.join(known)}", code="KB0401"
            )
        found = [spec.cluster(name)]
    else:
        found = [one for one in spec.clusters if any(pool.autoscaling for pool in one.pools)]
    if len(found) > 1:
        names = ", ".join(one.name for one in found)
        raise WrongUsage("several clusters have autoscaled pools", hint=f"choose one with -c: {names}")
    if not found or not any(pool.autoscaling for pool in found[0].pools):
        raise WrongUsage(
            "no pool is autoscaled", hint="write `autoscaling: {min: 2, max: 6}` instead of `nodes` in a pool"
        )
    return found[0]


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise WrongUsage(f"the load trace {path} cannot be read: {why}") from error
