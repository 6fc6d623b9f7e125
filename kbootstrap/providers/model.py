"""The provider contract: what kbootstrap needs of an infrastructure, and nothing more.

A provider is a folder `providers/<name>/` with `PROVIDER` in its `__init__.py`, a schema
`schemas/providers/<name>.json`, and modules in `terraform-modules/<name>/`. It is found by its name (`find`);
no list names it. docs/decisions/0050 gives the reasons for this form.
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
    ClusterAddons,
    ExistingMachines,
    InPlaceFreeze,
    Location,
)
from kbootstrap.providers.context import ClusterDefinition, ProviderContext
from kbootstrap.providers.traits import ProviderTraits
from kbootstrap.render.model import RenderedRoot
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Spec


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `doctor`: what was checked, whether it is good, and what to do when it is not.

    `ok` None means: could not be checked, or a warning.
    """

    name: str
    ok: bool | None
    found: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class DestroyPreview:
    """What `destroy` would remove, to be shown before it asks.

    `place` says where it is ("in project shop of mycloud"); `things` are names by kind ("machines"), `remark`
    is a sentence about how the removal goes.
    """

    place: str
    things: Mapping[str, tuple[str, ...]]
    remark: str = ""


class Provisioning(Enum):
    """What is known of a node's machine from outside."""

    ABSENT = auto()
    UNPROVISIONED = auto()
    """There is a machine, and nothing was ever installed on it."""
    PROVISIONED = auto()
    UNKNOWN = auto()
    """Not asked for, or not visible from outside: such a machine is never replaced without being drained."""


@dataclass(frozen=True, slots=True)
class MachineState:
    """What `Provider.inspect` found out about one machine, or about another resource that can be missing.

    `gone` says why the real thing no longer exists ("the cloud has no machine web-1"); `replace` are the HCL
    addresses that OpenTofu must replace therefore. `fault` says, in the infrastructure's words, why the
    machine could not be created.
    """

    provisioning: Provisioning = Provisioning.UNKNOWN
    gone: str = ""
    replace: tuple[str, ...] = ()
    fault: str = ""

    @property
    def unprovisioned(self) -> bool:
        """Whether certainly nothing of a cluster is lost with this machine."""
        return self.provisioning in {Provisioning.ABSENT, Provisioning.UNPROVISIONED}


class OrphanPhase(Enum):
    """When `Provider.remove_orphans` is called, and so what counts as an orphan."""

    BEFORE_CREATE = auto()
    """What an interrupted run created, and the state does not know (`known`). What may be in use stays, and
    so does every machine."""
    AFTER_REMOVAL = auto()
    """What OpenTofu would leave of the machines of nodes that have left their cluster (`names`). The state
    still knows them, so the next run resumes an interrupted one here."""
    BEFORE_DESTROY = auto()
    """What the cluster itself created and what would hold its infrastructure; then as BEFORE_CREATE."""
    AFTER_DESTROY = auto()
    """What belongs to the cluster and is in no state."""


class Provider(Protocol):
    """One infrastructure. Providers inherit from this class for the defaults of its attributes."""

    name: str
    traits: ProviderTraits = ProviderTraits()

    addons: ClusterAddons | None = None
    adoption: Adoption | None = None
    existing_machines: ExistingMachines | None = None
    in_place_freeze: InPlaceFreeze | None = None
    location: Location | None = None

    @abstractmethod
    def render(self, definition: ClusterDefinition) -> RenderedRoot:
        """Return the cluster's root; pure and byte-stable."""

    @abstractmethod
    def validate(self, spec: Spec, cluster: Cluster) -> tuple[Diagnostic, ...]:
        """Return what the schema cannot say about this cluster's settings; pure.

        Called before the lock file is read.
        """

    @abstractmethod
    async def pin(self, context: ProviderContext, *, upgrade: bool = False, making: bool = True) -> Lock:
        """Return the lock with everything pinned that only the infrastructure knows (the ID of an image).

        Existing pins stay, but with `upgrade` they are looked up again. With `making` False no machine will
        be created: what is not pinned may be anything that renders, and the infrastructure is not asked.
        """

    @abstractmethod
    async def check(self, context: ProviderContext) -> tuple[Check, ...]:
        """Look at what this provider needs on this machine and in the cloud, changing nothing."""

    @abstractmethod
    async def prepare(self, context: ProviderContext, *, making: bool = True) -> Mapping[str, str]:
        """Provide what a plan needs (image, keys) and return the environment that OpenTofu needs.

        That is `TF_VAR_*`, and where the credentials are. `making` False: no machine will be created
        (`status`, `destroy`); only the variables are wanted. Raises `PrerequisiteMissing`, or `SpecInvalid`
        with a diagnostic for everything that the infrastructure cannot give, before anything is created.
        Quick when everything is there.
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
        """Return the state of machines by node name, of other resources by HCL address; changes nothing.

        Each argument costs requests of its own, and what is not asked for is unknown in the result:
        `outputs` asks which resources of the state are gone (for those that OpenTofu cannot refresh, or only
        while it plans), `names` whether these nodes have a machine on which anything was installed, `faults`
        why machines could not be created, where the infrastructure does not say it in the answer that
        OpenTofu gets.
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
        """Read the output contract (`outputs["kbootstrap"]`) and find out how to reach the machines.

        Starts machines that are stopped, and raises `HostUnreachable` for a machine that does not exist,
        unless its node is in `tolerate_missing` because it is about to be removed. With `starting` False
        nothing is started. `Inventory.absent` has what cannot be reached.
        """

    @abstractmethod
    async def destroy_preview(self, context: ProviderContext) -> DestroyPreview:
        """Return what of the cluster holds data or serves clients, including what Kubernetes created."""

    @abstractmethod
    async def remove_orphans(
        self,
        context: ProviderContext,
        phase: OrphanPhase,
        *,
        known: Collection[str] = (),
        names: Collection[str] = (),
    ) -> None:
        """Remove what belongs to the cluster and OpenTofu does not remove; `phase` says which.

        `known` are the IDs in the state, given before something is created or destroyed; `names` are the
        nodes whose machines go, given after their removal from the cluster.
        """
