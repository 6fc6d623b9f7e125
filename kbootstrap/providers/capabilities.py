"""What some infrastructures can do and others cannot: each is an attribute of `Provider`, None by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kbootstrap.distros.additions import Additions, SecretContent
from kbootstrap.providers.context import ClusterDefinition, ProviderContext


class ClusterAddons(Protocol):
    """Programs of the infrastructure that run inside the cluster: cloud controller, storage driver."""

    def additions(self, definition: ClusterDefinition) -> Additions:
        """Return what is added to the nodes; pure and byte-stable, without secrets."""

    async def valid_credentials(self, context: ProviderContext) -> frozenset[str]:
        """Return the marks of Secrets whose credential is still valid.

        Asked only where the additions want a Secret.
        """

    async def make_secret(self, context: ProviderContext) -> SecretContent:
        """Make the Secret that the additions want, with its own credential in the infrastructure.

        Removes earlier credentials of the cluster. Asked only where no Secret has a valid credential.
        """


@dataclass(frozen=True, slots=True)
class ExistingResource:
    """A resource of a cluster that exists: its HCL `address`, and its `name`.

    `id` is the identity that the state must have for it; empty where any will do.
    """

    address: str
    name: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Adoptable:
    """The resources of a cluster that exist and can be imported into a new state.

    With `environment` OpenTofu creates none of them, and records them as created. `strangers` are machines of
    the cluster that the spec does not name, `problems` say what differs from the spec.
    """

    things: tuple[ExistingResource, ...]
    environment: Mapping[str, str]
    strangers: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class Adoption(Protocol):
    """Import of existing resources after the state is lost."""

    async def find(self, context: ProviderContext) -> Adoptable:
        """Return what exists of the cluster; changes nothing."""


class ExistingMachines(Protocol):
    """Machines that the spec lists: OpenTofu never runs, and only the configuration of nodes is rendered."""

    def outputs(self, definition: ClusterDefinition) -> Mapping[str, Any]:
        """Return the machines in the form of the output contract (`schemas/output.json`); pure."""


class InPlaceFreeze(Protocol):
    """Keeping machines as they are while others of the same plan are replaced."""

    def freeze(self, definition: ClusterDefinition, machines: Mapping[str, Mapping[str, Any]]) -> str:
        """Return HCL that overrides the root's, so that these machines do not change; pure.

        `machines` are the attributes of each in OpenTofu's state, by node. Empty where no change of the spec
        could reach them.
        """


class Location(Protocol):
    """Infrastructures of which there are several places: a cloud has regions."""

    async def describe(self, context: ProviderContext) -> str:
        """Return in words where the cluster's infrastructure is, for the plan."""
