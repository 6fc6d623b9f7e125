"""The desired nodes of a cluster, with names and addresses. Pure: derived from the spec and its lock.

Addresses in the control-plane subnet: a load balancer for the API is host 10, server n is host 10 + n. In the
agents' subnet each pool has blocks (see `lock.py`), beginning at host 11. The addresses below, and the last
eighth, are reserved for gateways and other resources of the provider. Elastic nodes, which come and go with
the load, have blocks of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address
from itertools import chain

from kbootstrap.spec.lock import ENDPOINT_HOST, Lock, elastic_key
from kbootstrap.spec.model import Cluster, Network, Node, Pool

API_PORT = 6443
"""The port of the Kubernetes API on servers, for both k3s and RKE2."""
MADE_ENDPOINTS = frozenset({"load_balancer", "floating_ip", "virtual_ip"})
"""Values of `api.endpoint` for which the provider creates the endpoint."""

ELASTIC_LETTERS = 5
"""Letters at the end of the names of nodes above `min`: `<cluster>-<pool>-<letters>`."""
ELASTIC_ALPHABET = "bcdfghjkmnpqrstvwxz"
"""These letters: no vowels, so that no words appear, and none that look like digits."""


def endpoint_address(cluster: Cluster) -> IPv4Address | str:
    """Return the registration address of nodes.

    It is the address or host name in `api.endpoint`, if given. With a floating IP it is the first server's
    own address, else in a network the tenth address; for existing machines the first one's own address.
    ValueError for a cluster without network and hosts, which a loaded spec never has.
    """
    if cluster.api.endpoint is not None and cluster.api.endpoint not in MADE_ENDPOINTS:
        return _address(cluster.api.endpoint)
    if cluster.network is not None:
        first_server = cluster.api.endpoint == "floating_ip"
        return cluster.network.control_plane.network_address + ENDPOINT_HOST + int(first_server)
    if not cluster.control_plane.hosts:
        raise ValueError(f"cluster {cluster.name} has neither a network nor hosts")
    return _address(cluster.control_plane.hosts[0].address)


def nodes(cluster: Cluster, lock: Lock) -> tuple[Node, ...]:
    """Return every node, servers first, then the pools in the spec's order.

    The lock must have blocks for every pool (`lock.allocate`), else ValueError.
    """
    found = list(_pool_nodes(cluster, cluster.control_plane, lock))
    for pool in cluster.pools:
        found += _pool_nodes(cluster, pool, lock)
    return tuple(found)


def _pool_nodes(cluster: Cluster, pool: Pool, lock: Lock) -> Iterator[Node]:
    server = pool is cluster.control_plane
    if pool.hosts:
        for ordinal, host in enumerate(pool.hosts, 1):
            labels = {**pool.labels, **host.labels}
            address = _address(host.address)
            yield Node(
                host.name, "server" if server else "agent", pool.name, ordinal, address, labels, pool.taints
            )
        return
    if cluster.network is None:
        raise ValueError(f"cluster {cluster.name} has neither a network nor hosts")
    addresses = _server_addresses(cluster.network) if server else _addresses(cluster, pool.born, lock)
    for ordinal in range(1, pool.nodes + 1):
        name = f"{cluster.name}-{pool.born}-{ordinal}"
        found = next(addresses, None)
        if found is None:
            raise ValueError(f"the lock has no address for {name}; allocate first")
        yield Node(name, "server" if server else "agent", pool.name, ordinal, found, pool.labels, pool.taints)


def _server_addresses(network: Network) -> Iterator[IPv4Address]:
    subnet = network.control_plane
    offsets = range(ENDPOINT_HOST + 1, subnet.num_addresses - 1)
    return (subnet.network_address + offset for offset in offsets)


def elastic_addresses(cluster: Cluster, pool: Pool, lock: Lock) -> Iterator[IPv4Address]:
    """Yield the addresses for a pool's nodes above `min`; none without a network."""
    return _addresses(cluster, elastic_key(pool), lock)


def _addresses(cluster: Cluster, key: str, lock: Lock) -> Iterator[IPv4Address]:
    """Yield the addresses of blocks in the order of their use; none without a network."""
    blocks = lock.addresses.get(cluster.name, {}).get(key, ())
    offsets = chain.from_iterable(range(block.first, block.first + block.size) for block in blocks)
    if cluster.network is not None:
        yield from (cluster.network.agents.network_address + offset for offset in offsets)


def is_elastic(cluster: str, node: str) -> bool:
    """Return whether a name has the form of a cluster's elastic nodes: `<cluster>-<pool>-<letters>`.

    The last part of all other names is a number, so no other node has such a name.
    """
    end = f"[{ELASTIC_ALPHABET}]{{{ELASTIC_LETTERS}}}"
    return re.fullmatch(rf"{re.escape(cluster)}-.+-{end}", node) is not None


def _address(text: str) -> IPv4Address | str:
    try:
        return IPv4Address(text)
    except AddressValueError:
        return text
