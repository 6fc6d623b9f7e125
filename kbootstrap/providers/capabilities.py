"""Optional capabilities of an infrastructure. Each is an attribute of `Provider`, None by default."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from kbootstrap.artifacts.cache import Kept
from kbootstrap.cost.model import Extras
from kbootstrap.distros.additions import Additions, SecretContent
from kbootstrap.providers.context import ClusterDefinition, ProviderContext
from kbootstrap.spec.model import Cluster


class ClusterAddons(Protocol):
    """Components of the infrastructure that run inside the cluster: cloud controller, storage driver."""

    def additions(self, definition: ClusterDefinition) -> Additions:
        """Return what is added to the nodes. Pure and byte-stable; contains no secrets."""

    async def valid_credentials(self, context: ProviderContext) -> frozenset[str]:
        """Return the marks of Secrets whose credential is still valid.

        Called only if the additions need a Secret.
        """

    async def make_secret(self, context: ProviderContext) -> SecretContent:
        """Create the Secret that the additions need, with its own credential in the infrastructure.

        Removes earlier credentials of the cluster. Called only if no Secret has a valid credential.
        """


@dataclass(frozen=True, slots=True)
class AccessFiles:
    """A credential for pods. `mark` is public: it says which credential it is, and what was configured.

    `files` are read in the pod's folder; `authorized_keys` are the public keys of operators, which machines
    that the pod makes have to accept.
    """

    mark: str
    files: Mapping[str, str] = field(repr=False)
    authorized_keys: tuple[str, ...] = ()


class ElasticAccess(Protocol):
    """Lets a pod of the cluster make and remove elastic machines, with a credential that can do only that."""

    def environment(self, definition: ClusterDefinition, folder: str) -> Mapping[str, str]:
        """Return the environment of a pod that has the files of `make` in this folder. Pure."""

    async def valid(self, context: ProviderContext) -> frozenset[str]:
        """Return the marks of the cluster's credentials that are valid. Read-only."""

    async def make(self, context: ProviderContext, folder: str) -> AccessFiles:
        """Make a credential; earlier ones of the cluster for this purpose are removed."""

    async def remove(self, context: ProviderContext) -> None:
        """Remove the cluster's credentials for this purpose, if there are any."""


@dataclass(frozen=True, slots=True)
class ExistingResource:
    """An existing resource of a cluster: its HCL `address` and its `name`.

    `id` is the ID that the state must have for it; empty if any ID is valid.
    """

    address: str
    name: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Adoptable:
    """The existing resources of a cluster that can be imported into a new state.

    With `environment` set, OpenTofu records them as created without creating them. `unexpected` are machines
    of the cluster that the spec does not name. `problems` describe differences from the spec.
    """

    things: tuple[ExistingResource, ...]
    environment: Mapping[str, str]
    unexpected: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class Adoption(Protocol):
    """Import of existing resources after the state is lost."""

    async def find(self, context: ProviderContext) -> Adoptable:
        """Return the existing resources of the cluster. Read-only."""


class ExistingMachines(Protocol):
    """Machines that the spec lists. OpenTofu does not run; only the configuration of nodes is rendered."""

    def outputs(self, definition: ClusterDefinition) -> Mapping[str, Any]:
        """Return the machines in the form of the output contract (`schemas/output.json`); pure."""


class MachinesInCreation(Protocol):
    """Machines that are used while OpenTofu still creates other resources of a new cluster.

    `created` has the IDs of the resources that exist by now, by HCL address: those that the state had before,
    and those that OpenTofu has created in this run.
    """

    def ready(
        self, definition: ClusterDefinition, planned: Collection[str], created: Mapping[str, str]
    ) -> frozenset[str]:
        """Return the nodes of which everything exists: machine, volumes, and the way to it. Pure.

        `planned` are the addresses of all resources that OpenTofu creates in this run, among them the machine
        of every node.
        """

    async def outputs(
        self, context: ProviderContext, created: Mapping[str, str], names: Collection[str]
    ) -> Mapping[str, Any]:
        """Return the outputs with these nodes, as OpenTofu will write them. Read-only.

        The external endpoint, which may not exist yet, is the registration address.
        """


class EarlyRemoval(Protocol):
    """Infrastructures that delete a cluster faster through their API than OpenTofu does."""

    async def remove(self, context: ProviderContext, resources: Mapping[str, str]) -> frozenset[str]:
        """Delete resources before OpenTofu does. `resources` has the IDs of a state by HCL address.

        Returns the addresses of those that are deleted and that OpenTofu could not read nevertheless:
        `destroy` removes them from the state.

        `destroy` calls it right before OpenTofu destroys the same resources, which then finds most of them
        deleted. It is only a hint: it need not delete all, and a failure leaves the rest to OpenTofu. It
        must end with every deletion complete that it began and that OpenTofu cannot deal with. Enough must
        stay for `inspect` to find the cluster: a run may be killed here, and the next one must not take
        this for an empty project.
        """


class InPlaceFreeze(Protocol):
    """Keeps machines unchanged while other machines of the same plan are replaced."""

    def freeze(self, definition: ClusterDefinition, machines: Mapping[str, Mapping[str, Any]]) -> str:
        """Return an HCL override file that keeps these machines unchanged. Pure.

        `machines` has the attributes of each machine in the OpenTofu state, by node. The result is empty if
        no change of the spec affects them.
        """


class Preflight(Protocol):
    """Requests to the infrastructure before something is created."""

    async def verify(self, context: ProviderContext) -> None:
        """Verify that the infrastructure can create what the cluster lacks. Read-only.

        Raises `PrerequisiteMissing`, or `SpecInvalid` with a diagnostic for each request that it cannot
        fulfill. Called if a plan creates something, or writes the Secret of the additions.
        """


class Sessions(Protocol):
    """Infrastructures to which a run logs in."""

    def keep(self, context: ProviderContext) -> AbstractAsyncContextManager[None]:
        """Keep a login that other methods make, so that all methods for this cluster share it."""


class SharedArtifacts(Protocol):
    """Nodes of one machine: artifacts are unpacked once, and the nodes use them in place."""

    async def provide(self, context: ProviderContext, kept: Kept, script: str) -> None:
        """Unpack the files of a version into a folder of `SHARED`, unless the nodes see them there already.

        The folder has `sums`: lines of sha256 and file name, and for each file the file itself and
        `<name>.places`: lines of a path in the folder, and the path on a node to which it is copied. `script`
        writes the latter two; see `distros/k3s/unpack.sh` for its variables. A failure has no other effect:
        nodes receive the files.
        """


class Rehearsals(Protocol):
    """Temporary clusters on the operator's machine, in which a restore is rehearsed."""

    taken: frozenset[str]
    """Codes with which `prepare` reports that the port or the addresses are in use: others are tried then."""

    def settings(self, shared: Mapping[str, Any], port: int) -> Mapping[str, Any]:
        """Return the settings of a cluster whose API is at this port of the operator's machine. Pure.

        `shared` are the settings of the snapshot's cluster, empty if it has another provider.
        """


class Billing(Protocol):
    """Infrastructures whose resources have a price."""

    def extras(self, cluster: Cluster) -> Extras:
        """Return what the cluster has beside the machines and volumes of its pools. Pure."""


class Location(Protocol):
    """Infrastructures with several locations, such as the regions of a cloud."""

    async def describe(self, context: ProviderContext) -> str:
        """Return a description of the location of the cluster's infrastructure, for the plan."""
