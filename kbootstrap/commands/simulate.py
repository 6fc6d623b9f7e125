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

_MOST_BYTES = 16 * 2**20
"""More than a trace with the largest number of lines has."""


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
    _check_names(chosen, sizes)
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


def _check_names(cluster: Cluster, sizes: Mapping[str, Size]) -> None:
    """Refuse sizes of flavors that no pool has: they are typing mistakes."""
    known = {name for pool in cluster.pools for name in pool.flavors or (pool.name,)}
    for name in sizes:
        if name not in known:
            raise WrongUsage(
                f"no pool of cluster {cluster.name} has the flavor '{name}'",
                hint=f"their flavors are: {', '.join(sorted(known))}",
            )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise WrongUsage(f"the load trace {path} cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise WrongUsage(
            f"the load trace {path} is too large: more than {_MOST_BYTES // 2**20} MiB",
            hint="sample the load less often, or cut the trace",
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WrongUsage(f"the load trace {path} cannot be read: it is not text") from error
