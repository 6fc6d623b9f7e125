"""The provider contract: the operations that kbootstrap needs from an infrastructure.

A provider is a folder `providers/<name>/` with `PROVIDER` in its `__init__.py`, a schema
`schemas/providers/<name>.json`, and modules in `terraform-modules/<name>/`. It is found by its name (`find`);
there is no registration. docs/decisions/0050 explains the design.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.inventory.model import Inventory
from kbootstrap.providers.capabilities import (
    Adoption,
    Billing,
    ClusterAddons,
    EarlyRemoval,
    ElasticAccess,
    ExistingMachines,
    InPlaceFreeze,
    Location,
    MachinesInCreation,
    Preflight,
    Rehearsals,
    Sessions,
    SharedArtifacts,
)
from kbootstrap.providers.context import ClusterDefinition, ProviderContext
from kbootstrap.providers.elastic import ElasticMachines
from kbootstrap.providers.traits import ProviderTraits
from kbootstrap.render.model import RenderedRoot
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Spec


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `doctor`: the check, its result, and the remedy if it failed.

    `ok` is None for a warning, or if the check could not run.
    """

    name: str
    ok: bool | None
    found: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class DestroyPreview:
    """What `destroy` would remove. It is shown before the confirmation.

    `place` is the location ("in project shop of mycloud"), `things` has names by kind ("machines"), and
    `remark` is a sentence about the removal.
    """

    place: str
    things: Mapping[str, tuple[str, ...]]
    remark: str = ""


class Provisioning(Enum):
    """The provisioning state of a node's machine, as the infrastructure shows it."""

    ABSENT = auto()
    UNPROVISIONED = auto()
    """The machine exists, and nothing was ever installed on it."""
    PROVISIONED = auto()
    UNKNOWN = auto()
    """Not requested, or not visible to the infrastructure. Such a machine is drained before replacement."""


@dataclass(frozen=True, slots=True)
class MachineState:
    """The state of one machine, or of another resource that can be missing, from `Provider.inspect`.

    `gone` gives the reason if the real resource no longer exists ("the cloud has no machine web-1");
    `replace` has the HCL addresses that OpenTofu must then replace. `fault` is the error message of the
    infrastructure if it could not create the machine.
    """

    provisioning: Provisioning = Provisioning.UNKNOWN
    gone: str = ""
    replace: tuple[str, ...] = ()
    fault: str = ""

    @property
    def unprovisioned(self) -> bool:
        """Whether this machine certainly holds no data of a cluster."""
        return self.provisioning in {Provisioning.ABSENT, Provisioning.UNPROVISIONED}


class OrphanPhase(Enum):
    """When `Provider.remove_orphans` is called. The phase defines what counts as an orphan."""

    BEFORE_CREATE = auto()
    """Resources of an interrupted run that are not in the state (`known`). Machines and resources that may be
    in use are kept."""
    AFTER_REMOVAL = auto()
    """Machines of removed nodes (`names`) that OpenTofu does not delete. They are still in the state, so the
    next run resumes an interrupted removal."""
    BEFORE_DESTROY = auto()
    """Resources that the cluster itself created and that block the deletion; then as BEFORE_CREATE."""
    AFTER_DESTROY = auto()
    """Resources of the cluster that are in no state."""


class Provider(Protocol):
    """One infrastructure. Providers inherit the default attributes of this class."""

    name: str
    traits: ProviderTraits = ProviderTraits()

    addons: ClusterAddons | None = None
    adoption: Adoption | None = None
    billing: Billing | None = None
    early_removal: EarlyRemoval | None = None
    elastic_access: ElasticAccess | None = None
    elastic_machines: ElasticMachines | None = None
    existing_machines: ExistingMachines | None = None
    in_place_freeze: InPlaceFreeze | None = None
    location: Location | None = None
    machines_in_creation: MachinesInCreation | None = None
    preflight: Preflight | None = None
    rehearsals: Rehearsals | None = None
    sessions: Sessions | None = None
    shared_artifacts: SharedArtifacts | None = None

    @abstractmethod
    def render(self, definition: ClusterDefinition) -> RenderedRoot:
        """Return the root module of the cluster. Pure and byte-stable."""

    @abstractmethod
    def validate(self, spec: Spec, cluster: Cluster) -> tuple[Diagnostic, ...]:
        """Return the problems with this cluster's settings that the schema cannot express. Pure.

        Called before the lock file is read.
        """

    @abstractmethod
    async def pin(self, context: ProviderContext, *, upgrade: bool = False, creating: bool = True) -> Lock:
        """Return the lock with pins for everything that only the infrastructure knows (the ID of an image).

        Existing pins are kept; with `upgrade` they are looked up again. With `creating` False no machine will
        be created: missing pins may get placeholders, and the infrastructure is not queried.
        """

    @abstractmethod
    async def check(self, context: ProviderContext) -> tuple[Check, ...]:
        """Check what this provider needs on this machine and in the infrastructure. Read-only."""

    @abstractmethod
    async def prepare(self, context: ProviderContext, *, creating: bool = True) -> Mapping[str, str]:
        """Provide what a plan needs (image, keys) and return the environment for OpenTofu.

        The environment has `TF_VAR_*` and the location of the credentials. With `creating` False no machine
        will be created (`status`, `destroy`), and only the environment is returned. Raises
        `PrerequisiteMissing`. Returns quickly if nothing is missing; slow checks are in `preflight`.
        """

    @abstractmethod
    async def inspect(
        self,
        context: ProviderContext,
        *,
        outputs: Mapping[str, Any] | None = None,
        names: Collection[str] = (),
        faults: bool = False,
    ) -> Mapping[str, MachineState]:
        """Return the state of machines by node name, of other resources by HCL address. Read-only.

        Each argument requires its own requests. What is not requested is unknown in the result:
        `outputs` requests the resources of the state that no longer exist (those that OpenTofu refreshes only
        while it plans, or not at all), `names` whether these nodes have a machine with an installation,
        `faults` why machines could not be created, if the infrastructure does not report it to OpenTofu.
        """

    @abstractmethod
    async def inventory(
        self,
        context: ProviderContext,
        outputs: Mapping[str, Any],
        *,
        starting: bool = True,
        tolerate_missing: Collection[str] = (),
    ) -> Inventory:
        """Return the connections to the machines of the output contract (`outputs["kbootstrap"]`).

        Starts stopped machines. Raises `HostUnreachable` for a machine that does not exist, unless its node
        is in `tolerate_missing` because it will be removed. With `starting` False nothing is started.
        `Inventory.absent` has the unreachable machines.
        """

    @abstractmethod
    async def destroy_preview(self, context: ProviderContext) -> DestroyPreview:
        """Return the resources that hold data or serve clients, including those that Kubernetes created."""

    @abstractmethod
    async def remove_orphans(
        self,
        context: ProviderContext,
        phase: OrphanPhase,
        *,
        known: Collection[str] = (),
        names: Collection[str] = (),
    ) -> None:
        """Remove resources of the cluster that OpenTofu does not remove, as defined by `phase`.

        `known` has the IDs in the state, in the phases before creation and deletion. `names` are the nodes
        whose machines are removed, in the phase after their removal from the cluster.
        """
