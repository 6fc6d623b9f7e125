"""The plan of one cluster: infrastructure and nodes, and reasons to refuse it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from kbootstrap.cluster.decide.removal import NO_REMOVALS, Removal
from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.core.errors import HostUnreachable, SpecInvalid, TofuFailed
from kbootstrap.distros.model import Role
from kbootstrap.engine.context import Context
from kbootstrap.engine.downloads import Downloads
from kbootstrap.engine.infrastructure import Infrastructure
from kbootstrap.engine.install import verify_allowed
from kbootstrap.engine.observe import Nodes
from kbootstrap.plans.agreed import STALE, Agreed, moved
from kbootstrap.plans.checks import (
    lost_buckets,
    lost_volumes,
    network_in_use,
    rename_conflict,
    unobserved_removals,
)
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.tofu.plan import PlanSummary
from kbootstrap.tofu.state import State


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """The plan of one cluster: infrastructure and nodes.

    `state` is OpenTofu's state that the plan begins with. `gone` are machines that were deleted outside of
    kbootstrap, each with the reason. `nodes` is None while no machine exists, while some must be created
    again first, or when they could not be reached: then `unseen` says why, and they are observed again after
    the infrastructure has changed. `new` names the nodes that will be installed from nothing. `known` are the
    nodes of the outputs, `unprovisioned` those of the nodes concerned that carry nothing of a cluster.
    `removal` are nodes that leave. `refusals` forbid the infrastructure's half. `agreed` has, for a plan that
    was saved, what was shown of the nodes. `location` says where the infrastructure is, empty where that goes
    without saying. `downloads` has artifacts that are being obtained already.
    """

    context: Context
    tofu: Infrastructure
    state: State
    infrastructure: PlanSummary
    gone: Mapping[str, str]
    nodes: Nodes | None
    new: tuple[str, ...]
    connections: AsyncExitStack
    unseen: HostUnreachable | None = None
    known: Mapping[str, Any] = field(default_factory=dict)
    unprovisioned: frozenset[str] = frozenset()
    refusals: tuple[Diagnostic, ...] = ()
    agreed: Agreed | None = None
    removal: Removal = NO_REMOVALS
    location: str = ""
    downloads: Downloads | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return self.infrastructure.empty and not self.new and self.nodes is not None and self.nodes.plan.empty


def leaving(
    context: Context, known: Mapping[str, Any], replaced: Collection[str], asked: Collection[str] = ()
) -> Removal:
    """Return the nodes that leave: those in the state but not in the spec, and the `replaced` ones; pure.

    `asked` may have elastic nodes besides, which are known when nodes are observed.
    """
    wanted = {node.name for node in context.nodes}
    roles: dict[str, Role] = {
        name: "server" if node.get("role") == "server" else "agent" for name, node in known.items()
    }
    return Removal(
        {name: role for name, role in roles.items() if name not in wanted},
        {name: roles[name] for name in replaced if name in roles and name in wanted},
        asked=frozenset(asked),
    )


def forbidden(
    spec: Spec,
    cluster: Cluster,
    summary: PlanSummary,
    known: Collection[str],
    unprovisioned: Collection[str],
    *,
    seen: bool,
) -> tuple[Diagnostic, ...]:
    """Return the reasons to refuse the infrastructure's part of the plan; pure.

    `known` are the nodes of the state, `unprovisioned` those on which nothing is installed; `seen` says
    whether the nodes could be observed.
    """
    carrying = [name for name in known if name not in unprovisioned]
    return (
        *(() if seen else unobserved_removals(cluster.name, summary, unprovisioned, spec.source)),
        *network_in_use(cluster.name, summary, carrying, spec.source),
        *lost_volumes(cluster.name, summary, spec.source),
        *lost_buckets(cluster.name, summary, spec.source),
        *rename_conflict(cluster.name, summary, unprovisioned, spec.source),
    )


@contextmanager
def stale_is_moved(planned: ClusterPlan) -> Iterator[None]:
    """Raise `PlanMoved` if OpenTofu refuses a saved plan because the state has changed since."""
    try:
        yield
    except TofuFailed as error:
        if error.code == STALE and planned.agreed:
            raise moved([f"the state of cluster {planned.context.cluster.name} changed"]) from error
        raise


def stop_refused(planned: ClusterPlan) -> None:
    """Raise if the plan is refused: `SpecInvalid`, or `InstallFailed` for its nodes."""
    if planned.refusals:
        name = planned.context.cluster.name
        raise SpecInvalid(f"this change of cluster {name} is refused", diagnostics=planned.refusals)
    if planned.nodes:
        verify_allowed(planned.context, planned.nodes)
