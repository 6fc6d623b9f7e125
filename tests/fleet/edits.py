"""Edits that operators make, and what happens to machines: each names the nodes that it concerns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from tests.fleet.wishes import CLUSTER, Pool, Wish

MAINTENANCE = '{window: {from: "00:00", to: "23:59"}, reboot: auto}'
POOLS = ("web", "db", "gpu", "batch")
DISABLE = {
    "k3s": (("servicelb", "traefik"), ("servicelb", "traefik", "metrics-server"), ("traefik",)),
    "rke2": ((), ("rke2-metrics-server",), ("rke2-metrics-server", "rke2-snapshot-controller")),
}
LABELS: tuple[dict[str, str], ...] = ({}, {"tier": "a"}, {"tier": "b", "zone": "x"})
TAINTS: tuple[tuple[str, ...], ...] = ((), ("dedicated=db:NoSchedule",), ("hard=yes:PreferNoSchedule",))


@dataclass(frozen=True)
class Edit:
    """One change: the spec that follows, and the nodes that it may touch.

    `replaced` are nodes that get a new machine by request. `lost` are nodes whose machine dies before, `how`:
    it is `gone`, `silent` (not reachable) or `off`. `drifted` are nodes whose configuration was
    changed by hand.
    """

    what: str
    wish: Wish
    concerns: frozenset[str]
    replaced: tuple[str, ...] = ()
    lost: str = ""
    how: str = ""
    drifted: frozenset[str] = field(default_factory=frozenset)

    def __str__(self) -> str:
        return f"{self.what}{f' ({self.how})' if self.how else ''}"


def edits(wish: Wish) -> st.SearchStrategy[Edit]:
    """Return edits that make sense of a spec."""
    choices = [
        *_sizes(wish),
        *_servers(wish),
        *_settings(wish),
        *(_pool_edits(wish)),
        *(_machines(wish)),
    ]
    return st.sampled_from(choices)


def _between(what: str, before: Wish, after: Wish) -> Edit:
    """Return an edit that concerns those nodes only that come or go."""
    return Edit(what, after, frozenset(before.names() ^ after.names()))


def _sizes(wish: Wish) -> list[Edit]:
    found = []
    for pool in wish.pools:
        for nodes in {1, 2, 3} - {pool.nodes}:
            after = wish.with_pool(replace(pool, nodes=nodes, most=pool.most and max(pool.most, nodes)))
            found.append(_between(f"{pool.name} has {nodes} nodes", wish, after))
        most = 0 if pool.most else pool.nodes + 3
        bounded = wish.with_pool(replace(pool, most=most))
        found.append(_between(f"{pool.name} has {most or 'no'} bounds", wish, bounded))
    taken = {name for pool in wish.pools for name in (pool.name, *pool.former)}
    for name in [name for name in POOLS if name not in taken][:2]:
        after = replace(wish, pools=(*wish.pools, Pool(name, 2, labels={"pool": name})))
        found.append(_between(f"a pool {name}", wish, after))
        if wish.pools:
            other = (*wish.pools[:-1], Pool(name, 1))
            found.append(_between(f"a pool {name} for the last one", wish, replace(wish, pools=other)))
    if wish.pools:
        found.append(_between("one pool fewer", wish, replace(wish, pools=wish.pools[1:])))
    return found


def _servers(wish: Wish) -> list[Edit]:
    return [
        _between(f"{count} servers", wish, replace(wish, servers=count))
        for count in (1, 3, 5)
        if count != wish.servers
    ]


def _settings(wish: Wish) -> list[Edit]:
    every, index = frozenset(wish.names()), wish.versions.index(wish.version)
    found = [
        Edit(f"version {version}", replace(wish, version=version), every if number > index else frozenset())
        for number, version in enumerate(wish.versions)
        if number != index
    ]
    for names in DISABLE[wish.distribution]:
        if names != wish.disable:
            servers = frozenset(wish.server_names())
            found.append(Edit(f"without {names}", replace(wish, disable=names), servers))
    what = "no mirror" if wish.mirror else "a mirror"
    found.append(Edit(what, replace(wish, mirror=not wish.mirror), every))
    what = "no maintenance" if wish.maintenance else "maintenance"
    found.append(Edit(what, replace(wish, maintenance="" if wish.maintenance else MAINTENANCE), every))
    found.extend(
        Edit(
            f"{pool.name} was changed by hand", wish, frozenset(pool.names()), drifted=frozenset(pool.names())
        )
        for pool in wish.pools
    )
    return found


def _pool_edits(wish: Wish) -> list[Edit]:
    found: list[Edit] = []
    for pool in wish.pools:
        mine = frozenset(pool.names())
        found.extend(
            Edit(f"labels {labels}", wish.with_pool(replace(pool, labels=labels)), mine)
            for labels in LABELS
            if labels != pool.labels
        )
        found.extend(
            Edit(f"taints {taints}", wish.with_pool(replace(pool, taints=taints)), mine)
            for taints in TAINTS
            if taints != pool.taints
        )
        renamed = replace(pool, name=f"{pool.name}x", former=(*pool.former, pool.name))
        others = tuple(renamed if one is pool else one for one in wish.pools)
        found.append(Edit(f"{pool.name} is renamed", replace(wish, pools=others), frozenset()))
    return found


def _machines(wish: Wish) -> list[Edit]:
    found = []
    for name in sorted(wish.names()):
        found.append(Edit(f"replace {name}", wish, frozenset({name}), replaced=(name,)))
        for how in ("gone", "silent", "off"):
            replaced = (name,) if how == "silent" else ()
            found.append(Edit(f"{name} dies", wish, frozenset({name}), replaced=replaced, lost=name, how=how))
    if wish.agent_names():
        every = tuple(sorted(wish.agent_names()))
        found.append(Edit("replace all agents", wish, frozenset(every), replaced=every))
    return found


def is_node(name: str) -> bool:
    return name.startswith(f"{CLUSTER}-")


def lost_data(edit: Edit, wish: Wish) -> bool:
    """Whether the edit takes the only server away."""
    return wish.servers == 1 and edit.lost in wish.server_names() and edit.how != "off"


def without(edit: Edit) -> Collection[str]:
    """Return the nodes that are away on purpose."""
    return {edit.lost} if edit.lost else ()
