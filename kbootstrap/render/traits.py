"""What the resources of a provider's modules are to a cluster, so that a plan is judged without its names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["machine", "volume", "bucket", "network", "address"]
"""machine: a node's. volume, bucket: hold data. network: connects nodes. address: is known to others
(floating IPs, the API's load balancer), so that another one in its place is an accident."""


@dataclass(frozen=True, slots=True)
class ResourceTraits:
    """The roles of resources by `TYPE.NAME`, as they stand in `terraform-modules/<provider>/`.

    `halting` are attributes of a machine whose change in place stops it, or empties its disk: OpenTofu shows
    an update, and a cluster survives it only as one replacement after the other.
    """

    roles: Mapping[str, Role] = field(default_factory=dict)
    halting: frozenset[str] = frozenset()

    def role(self, address: str) -> Role | None:
        """Return the role of the resource at an HCL address; None for those that have none."""
        kind, _, name = address.partition("[")[0].rpartition(".")
        return self.roles.get(f"{kind.rpartition('.')[2]}.{name}")

    def halts(self, address: str, changed: Collection[str]) -> tuple[str, ...]:
        """Return those of the changed attributes that stop the machine at this address."""
        return tuple(name for name in changed if name in self.halting) if self.is_machine(address) else ()

    def is_machine(self, address: str) -> bool:
        """Return whether an HCL address is that of a node's machine."""
        return self.role(address) == "machine"

    def buckets(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Return those of the addresses in a state that are buckets."""
        return tuple(address for address in addresses if self.role(address) == "bucket")


NO_TRAITS = ResourceTraits()
