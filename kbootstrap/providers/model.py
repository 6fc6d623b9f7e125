"""The provider contract: what kbootstrap needs of an infrastructure, and nothing more.

A provider is a folder `providers/<name>/` with `PROVIDER` in its `__init__.py`, a schema
`schemas/providers/<name>.json`, and modules in `terraform-modules/<name>/`. Found by name (`find`); nothing
else lists them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.events import Emit
from kbootstrap.core.hints import Hint
from kbootstrap.core.process import Runner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.workspace import ClusterSpace
from kbootstrap.distros.additions import NOTHING, Additions, SecretContent
from kbootstrap.inventory.model import Inventory
from kbootstrap.render.model import RenderedRoot
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Node, Spec


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a provider may use of this machine; passed in, so that tests need no patching.

    `cache` is kbootstrap's cache folder (`~/.cache/kbootstrap`), `env` the environment variables.
    """

    runner: Runner
    env: Mapping[str, str]
    cache: Path
    space: ClusterSpace
    redactor: Redactor
    emit: Emit


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `doctor`: what was looked at, whether it is good, and what to do when it is not.

    `ok` None means: could not be looked at, or a warning.
    """

    name: str
    ok: bool | None
    found: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Doomed:
    """What `destroy` would remove, to be shown before it asks.

    `place` says whose it is ("in project shop of mycloud"); `things` are names by kind ("machines"),
    `remark` is a sentence about how it goes.
    """

    place: str
    things: Mapping[str, tuple[str, ...]]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Existing:
    """Something of a cluster that exists: the HCL `address` that stands for it, and its `name`.

    `id` is what the state must call it by; empty where any will do.
    """

    address: str
    name: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Adoption:
    """What of a cluster exists and can come into a new state.

    With `environment` OpenTofu makes none of it, and takes it as made. `strangers` are machines of the
    cluster that the spec does not name, `problems` say what is other than the spec wants it.
    """

    things: tuple[Existing, ...]
    environment: Mapping[str, str]
    strangers: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class Bare:
    """What most infrastructures answer to a part of the contract: nothing. For providers to inherit."""

    def given(self, spec: Spec, cluster: Cluster, nodes: Sequence[Node]) -> Mapping[str, Any] | None:  # noqa: ARG002
        """Return None: OpenTofu makes the machines."""
        return None

    def problems(self, spec: Spec, cluster: Cluster) -> tuple[Diagnostic, ...]:  # noqa: ARG002 (the contract's)
        """Return nothing: the schema says everything about this provider's settings."""
        return ()

    async def pin(
        self,
        spec: Spec,  # noqa: ARG002 (the contract's)
        cluster: Cluster,  # noqa: ARG002
        lock: Lock,
        around: Surroundings,  # noqa: ARG002
        *,
        upgrade: bool = False,  # noqa: ARG002
        making: bool = True,  # noqa: ARG002
    ) -> Lock:
        """Return the lock as it is: nothing is looked up."""
        return lock

    def additions(self, spec: Spec, cluster: Cluster) -> Additions:  # noqa: ARG002 (the contract's)
        """Return nothing."""
        return NOTHING

    async def good_marks(
        self,
        spec: Spec,  # noqa: ARG002 (the contract's)
        cluster: Cluster,  # noqa: ARG002
        around: Surroundings,  # noqa: ARG002
    ) -> frozenset[str]:
        """Return nothing."""
        return frozenset()

    async def secret(self, spec: Spec, cluster: Cluster, around: Surroundings) -> SecretContent:
        """Never called: no Secret is wanted."""
        raise NotImplementedError

    def hold(self, cluster: Cluster, lock: Lock, machines: Mapping[str, Mapping[str, Any]]) -> str:  # noqa: ARG002
        """Return nothing: no change of the spec stops a machine in place."""
        return ""

    async def discard(self, cluster: Cluster, names: Collection[str], around: Surroundings) -> None:
        """Do nothing: OpenTofu removes machines."""

    async def adoption(
        self,
        spec: Spec,
        cluster: Cluster,
        nodes: Sequence[Node],  # noqa: ARG002 (the contract's)
        around: Surroundings,
    ) -> Adoption:
        """Raise `PrerequisiteMissing` (KB0895): what was made is imported by hand."""
        raise PrerequisiteMissing(
            f"kbootstrap cannot take machines of the provider {cluster.provider.name} into a new state",
            hint="put the state back from a backup; or import each resource by hand: in "
            f"{around.space.root}, `tofu import ADDRESS ID`, then `kbootstrap plan {spec.path}` until it "
            "shows nothing to make",
            code="KB0895",
        )


class Provider(Protocol):
    """One infrastructure."""

    name: str
    switches_context: bool
    """Whether `apply` makes the cluster kubectl's current one: for clusters of one person on one machine."""
    hints: tuple[Hint, ...]
    """What words of this infrastructure in failures of OpenTofu mean; the first that matches counts."""

    def given(self, spec: Spec, cluster: Cluster, nodes: Sequence[Node]) -> Mapping[str, Any] | None:
        """Return the outputs of a cluster whose machines exist already, None where OpenTofu makes them; pure.

        Of such a cluster nothing is rendered but its nodes' configuration, and OpenTofu never runs.
        """

    def render(self, spec: Spec, cluster: Cluster, lock: Lock) -> RenderedRoot:
        """Return the cluster's root; pure and byte-stable."""

    def hold(self, cluster: Cluster, lock: Lock, machines: Mapping[str, Mapping[str, Any]]) -> str:
        """Return HCL that overrides the root's, so that machines stay as they are while others are made anew.

        `machines` are the attributes of each in OpenTofu's state, by node. Empty where nothing could change
        them; pure.
        """

    def problems(self, spec: Spec, cluster: Cluster) -> tuple[Diagnostic, ...]:
        """Return what the schema cannot say about this cluster's settings; pure."""

    def additions(self, spec: Spec, cluster: Cluster) -> Additions:
        """Return what this infrastructure adds to the nodes of a cluster; pure and byte-stable, no secret."""

    async def good_marks(self, spec: Spec, cluster: Cluster, around: Surroundings) -> frozenset[str]:
        """Return the marks of `secret` that are still good. Asked only where additions want one."""

    async def secret(self, spec: Spec, cluster: Cluster, around: Surroundings) -> SecretContent:
        """Make the Secret that additions want, with a credential of its own in the infrastructure.

        Earlier credentials for it are removed. Asked only for a Secret without a good mark.
        """

    async def pin(
        self,
        spec: Spec,
        cluster: Cluster,
        lock: Lock,
        around: Surroundings,
        *,
        upgrade: bool = False,
        making: bool = True,
    ) -> Lock:
        """Return the lock with everything pinned that only the infrastructure knows (the ID of an image).

        What is pinned stays, but with `upgrade` it is looked up again. With `making` False no machine will be
        made: what is not pinned may be anything that renders, and nobody is asked.
        """

    async def check(
        self, spec: Spec, cluster: Cluster, lock: Lock, around: Surroundings
    ) -> tuple[Check, ...]:
        """Look at what this provider needs on this machine and in the cloud, changing nothing."""

    async def prepare(
        self, spec: Spec, cluster: Cluster, lock: Lock, around: Surroundings, *, making: bool = True
    ) -> Mapping[str, str]:
        """Make ready what a plan needs (image, keys) and return the environment that OpenTofu needs.

        That is `TF_VAR_*`, and where the credentials are. `making` False: no machine will be made (`status`,
        `destroy`); only the variables are wanted. Raises `PrerequisiteMissing`, or `SpecInvalid` with a
        diagnostic for everything that the infrastructure cannot give, before anything is made. Quick when
        everything is there.
        """

    async def drifted(
        self, cluster: Cluster, outputs: Mapping[str, Any], around: Surroundings
    ) -> Mapping[str, str]:
        """Return HCL addresses that must be replaced because their real thing is gone, each with its reason.

        For providers whose resources OpenTofu cannot refresh; others return nothing.
        """

    async def blank(
        self, spec: Spec, cluster: Cluster, names: Collection[str], around: Surroundings
    ) -> frozenset[str]:
        """Return those of `names` that have no machine, or one on which nothing was ever installed.

        Whoever cannot tell leaves the name out: a machine that is not blank is never made again.
        """

    async def faults(self, spec: Spec, cluster: Cluster, around: Surroundings) -> Mapping[str, str]:
        """Return, for machines that could not be made, by node name, why not in the infrastructure's words.

        For infrastructures that say it elsewhere than in the answer that OpenTofu gets.
        """

    async def inventory(
        self,
        cluster: Cluster,
        outputs: Mapping[str, Any],
        around: Surroundings,
        *,
        starting: bool = True,
        spare: Collection[str] = (),
    ) -> Inventory:
        """Read the output contract (`outputs["kbootstrap"]`) and find out how to reach the machines.

        Starts machines that are stopped, and raises `HostUnreachable` for a machine that is not there, unless
        it is one to `spare`: those are on their way out. With `starting` False nothing is started. Whatever
        cannot be reached stands in `Inventory.absent`.
        """

    async def sweep(self, spec: Spec, cluster: Cluster, known: Collection[str], around: Surroundings) -> None:
        """Before something is made, or all is removed: remove what was made and the state does not know.

        `known` are the IDs in the state. What may be in use stays, and so does every machine.
        """

    async def doomed(self, spec: Spec, cluster: Cluster, around: Surroundings) -> Doomed:
        """Return what of the cluster holds data or answers somebody, what Kubernetes made included."""

    async def discard(self, cluster: Cluster, names: Collection[str], around: Surroundings) -> None:
        """Remove what OpenTofu would leave of the machines of nodes that have left their cluster.

        The state still knows them, so a run that is cut goes on here.
        """

    async def adoption(
        self, spec: Spec, cluster: Cluster, nodes: Sequence[Node], around: Surroundings
    ) -> Adoption:
        """Return what of the cluster exists and can come into a new state; changes nothing.

        `nodes` are those of the spec. Raises `PrerequisiteMissing` where that cannot be done at all (KB0895).
        """

    async def release(self, spec: Spec, cluster: Cluster, around: Surroundings) -> None:
        """Before `destroy`: remove what the cluster itself made and what would hold its infrastructure."""

    async def cleanup(self, spec: Spec, cluster: Cluster, around: Surroundings) -> None:
        """After `destroy`: remove what belongs to the cluster and stands in no state."""
