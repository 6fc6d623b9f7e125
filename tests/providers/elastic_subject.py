"""A provider's elastic machines on its fake: what the contract suite of the capability runs over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.elastic import ElasticMachines


@dataclass
class Elastic:
    """A provider's capability on its fake, with room for `room` machines of the flavor `flavor`.

    `free` yields addresses of the pool `web` that are free. `others` are names of machines that belong to
    another cluster or to OpenTofu.
    """

    machines: ElasticMachines
    context: ProviderContext
    flavor: str
    free: Iterator[str]
    room: int
    others: tuple[str, ...] = ()
