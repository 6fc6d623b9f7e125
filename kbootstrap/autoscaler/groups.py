"""The groups of a cluster, from its spec and lock; and names for new nodes. Pure, apart from chance."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

from kbootstrap.autoscaler.model import Group, group_id
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.topology import ELASTIC_ALPHABET, ELASTIC_LETTERS, elastic_addresses, nodes


def groups(spec: Spec, cluster: Cluster, lock: Lock) -> tuple[Group, ...]:
    """Return a group for each flavor of each autoscaled pool, in the order of the spec."""
    static = nodes(cluster, lock)
    found = []
    for pool in cluster.pools:
        if pool.autoscaling is None:
            continue
        own = frozenset(node.name for node in static if node.pool == pool.name)
        free = tuple(map(str, elastic_addresses(cluster, pool, lock)))
        for index, flavor in enumerate(pool.flavors or ("",)):
            price = spec.prices.flavors.get(flavor) if spec.prices else None
            found.append(
                Group(
                    id=group_id(pool.born, flavor),
                    pool=pool.born,
                    flavor=flavor,
                    minimum=pool.autoscaling.min if index == 0 else 0,
                    maximum=pool.autoscaling.max,
                    prefix=f"{cluster.name}-{pool.born}-",
                    static=own if index == 0 else frozenset(),
                    addresses=free,
                    labels=pool.labels,
                    taints=pool.taints,
                    idle=pool.autoscaling.scale_down_after,
                    price=float(price) if price is not None else None,
                )
            )
    return tuple(found)


def names(prefix: str) -> Iterator[str]:
    """Yield new node names, `<cluster>-<pool>-<letters>`. A name is never used twice.

    The last part of a static node's name is a number, so none has such a name. A node of a used name could
    not join: servers keep a password for each name.
    """
    while True:
        yield prefix + "".join(secrets.choice(ELASTIC_ALPHABET) for _ in range(ELASTIC_LETTERS))


def is_elastic(group: Group, node: str) -> bool:
    """Return whether a node has a name of this group's pool that `names` yields."""
    return (
        re.fullmatch(f"{re.escape(group.prefix)}[{ELASTIC_ALPHABET}]{{{ELASTIC_LETTERS}}}", node) is not None
    )
