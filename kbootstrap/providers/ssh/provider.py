"""The provider contract, carried out by the other modules of this folder; most of it has nothing to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kbootstrap.inventory.model import Inventory
from kbootstrap.providers.model import Bare, Check, Doomed, Surroundings
from kbootstrap.providers.ssh import machines
from kbootstrap.render.model import RenderedRoot
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Node, Spec


class Ssh(Bare):
    """Machines that exist."""

    name = "ssh"
    switches_context = False
    hints = ()

    def given(self, spec: Spec, cluster: Cluster, nodes: Sequence[Node]) -> Mapping[str, Any] | None:
        """Return the machines as the spec names them."""
        return machines.outputs(spec, cluster, nodes)

    def render(self, spec: Spec, cluster: Cluster, lock: Lock) -> RenderedRoot:  # noqa: ARG002 (the contract's)
        """Return a root without files."""
        return RenderedRoot({}, (), {})

    async def check(
        self,
        spec: Spec,  # noqa: ARG002 (the contract's)
        cluster: Cluster,  # noqa: ARG002
        lock: Lock,  # noqa: ARG002
        around: Surroundings,  # noqa: ARG002
    ) -> tuple[Check, ...]:
        """Return nothing: `doctor` looks at machines that exist by itself."""
        return ()

    async def prepare(
        self,
        spec: Spec,  # noqa: ARG002 (the contract's)
        cluster: Cluster,  # noqa: ARG002
        lock: Lock,  # noqa: ARG002
        around: Surroundings,  # noqa: ARG002
        *,
        making: bool = True,  # noqa: ARG002
    ) -> Mapping[str, str]:
        """Return nothing: there is no OpenTofu that needs anything."""
        return {}

    async def drifted(
        self,
        cluster: Cluster,  # noqa: ARG002 (the contract's)
        outputs: Mapping[str, Any],  # noqa: ARG002
        around: Surroundings,  # noqa: ARG002
    ) -> Mapping[str, str]:
        """Return nothing: no machine is made again."""
        return {}

    async def blank(
        self,
        spec: Spec,  # noqa: ARG002 (the contract's)
        cluster: Cluster,  # noqa: ARG002
        names: Collection[str],  # noqa: ARG002
        around: Surroundings,  # noqa: ARG002
    ) -> frozenset[str]:
        """Return nothing: what a machine carries is seen on it."""
        return frozenset()

    async def faults(self, spec: Spec, cluster: Cluster, around: Surroundings) -> Mapping[str, str]:  # noqa: ARG002
        """Return nothing: no machine is made."""
        return {}

    async def inventory(
        self,
        cluster: Cluster,
        outputs: Mapping[str, Any],
        around: Surroundings,
        *,
        starting: bool = True,  # noqa: ARG002 (the contract's)
        spare: Collection[str] = (),
    ) -> Inventory:
        """Return how to reach the machines; nobody can start them from here."""
        return await machines.inventory(cluster, outputs["kbootstrap"], around, spare)

    async def sweep(self, spec: Spec, cluster: Cluster, known: Collection[str], around: Surroundings) -> None:
        """Do nothing: nothing is made."""

    async def doomed(self, spec: Spec, cluster: Cluster, around: Surroundings) -> Doomed:  # noqa: ARG002
        """Return the machines that the cluster is taken off."""
        pools = (cluster.control_plane, *cluster.pools)
        names = tuple(host.name for pool in pools for host in pool.hosts)
        return Doomed(
            "from its machines",
            {"machines": names},
            "The machines stay: Kubernetes, its data and everything that kbootstrap put there are taken off "
            "them. A machine that carries something else is left alone.",
        )

    async def release(self, spec: Spec, cluster: Cluster, around: Surroundings) -> None:
        """Do nothing: what the cluster made is on its machines."""

    async def cleanup(self, spec: Spec, cluster: Cluster, around: Surroundings) -> None:
        """Do nothing: there is nothing besides the machines."""
