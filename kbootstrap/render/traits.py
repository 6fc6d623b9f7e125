"""The roles of a provider's resources in a cluster, so that plan checks do not depend on their names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from kbootstrap.render.address import type_and_name

Role = Literal["machine", "volume", "bucket", "network", "address"]
"""machine: runs a node. volume, bucket: contain data. network: connects nodes. address: is used by clients
(floating IPs, the API's load balancer), so that its replacement would cause an outage."""


@dataclass(frozen=True, slots=True)
class SpecKey:
    """The key of the spec that sets an attribute: `key`, in the part `of` the cluster.

    pool: the resource's pool. provider: the settings of the provider. subnet: the network's subnet of the
    node's role; `key` is empty. cluster: the cluster itself.
    """

    of: Literal["pool", "provider", "subnet", "cluster"]
    key: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceTraits:
    """The roles of resources by `TYPE.NAME`, as in `terraform-modules/<provider>/`.

    `disruptive` are attributes of a machine whose in-place change stops it or erases its disk: OpenTofu plans
    an update, but a cluster survives it only if the machines are replaced one after another. `contained` are
    resources (`TYPE.NAME`) that the infrastructure deletes with the ones that contain them, so that `destroy`
    does not delete them one by one. `keys` are the keys of the spec behind attributes, by name: a plan
    shows the lines of such a key.
    """

    roles: Mapping[str, Role] = field(default_factory=dict)
    disruptive: frozenset[str] = frozenset()
    contained: frozenset[str] = frozenset()
    keys: Mapping[str, SpecKey] = field(default_factory=dict)

    def role(self, address: str) -> Role | None:
        """Return the role of the resource at an HCL address, or None."""
        return self.roles.get(type_and_name(address))

    def disruptive_changes(self, address: str, changed: Collection[str]) -> tuple[str, ...]:
        """Return the changed attributes that stop the machine at this address."""
        return tuple(name for name in changed if name in self.disruptive) if self.is_machine(address) else ()

    def keys_of(self, attributes: Iterable[str]) -> tuple[SpecKey, ...]:
        """Return the keys behind attributes, in their order; `input.address` is the attribute `address`."""
        names = (attribute.rpartition(".")[2] for attribute in attributes)
        return tuple(self.keys[name] for name in names if name in self.keys)

    def is_machine(self, address: str) -> bool:
        """Return whether an HCL address is that of a node's machine."""
        return self.role(address) == "machine"

    def buckets(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Return the addresses that are buckets."""
        return tuple(address for address in addresses if self.role(address) == "bucket")

    def deleted_with_others(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Return the addresses of resources that are deleted with the ones that contain them."""
        return tuple(address for address in addresses if type_and_name(address) in self.contained)


NO_TRAITS = ResourceTraits()
