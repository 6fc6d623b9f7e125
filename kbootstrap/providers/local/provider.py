"""The provider contract, carried out by the other modules of this folder."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from kbootstrap.inventory.model import Inventory
from kbootstrap.providers.local import checks, claims, image, machines
from kbootstrap.providers.local.adoption import adoption
from kbootstrap.providers.local.containers import OWNER, Containers
from kbootstrap.providers.local.engine import detect, remember
from kbootstrap.providers.local.hints import HINTS
from kbootstrap.providers.local.keys import authorized_keys, replace_lost
from kbootstrap.providers.local.options import Options, options
from kbootstrap.providers.local.render import render
from kbootstrap.providers.model import Adoption, Bare, Check, Doomed, Surroundings
from kbootstrap.render.model import RenderedRoot
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Node, Spec


class Local(Bare):
    """Containers on this machine."""

    name = "local"
    switches_context = True
    hints = HINTS

    def render(self, spec: Spec, cluster: Cluster, lock: Lock) -> RenderedRoot:
        """Return the cluster's root; pure and byte-stable."""
        return render(spec, cluster, lock)

    async def check(
        self,
        spec: Spec,  # noqa: ARG002 (the contract's)
        cluster: Cluster,
        lock: Lock,  # noqa: ARG002
        around: Surroundings,
    ) -> tuple[Check, ...]:
        """Look at engine, image, port and room."""
        return await checks.check(cluster, around)

    async def prepare(
        self,
        spec: Spec,
        cluster: Cluster,
        lock: Lock,  # noqa: ARG002 (the contract's)
        around: Surroundings,
        *,
        making: bool = True,
    ) -> Mapping[str, str]:
        """Make image and key, see that names, addresses and port are free; return the root's variables."""
        engine = await detect(cluster.provider.settings.get("engine"), around)
        name = image.image_name()
        chosen = Options((), ())
        if making:
            await claims.verify(spec, cluster, Containers(engine, around.runner), around)
            await image.ensure(engine, around)
            chosen = await options(engine, name, around)
            remember(engine, around.space)
        await replace_lost(spec, cluster, Containers(engine, around.runner), around)
        variables = {
            "command": engine.command,
            "image": name,
            "run_options": chosen.every,
            "node_options": chosen.node,
            "labels": {OWNER: str(around.space.root)},
        }
        # The state keeps the name. Where an unusable program of that name comes first, PATH leads past it.
        path = around.env.get("PATH", os.defpath)
        search = {"PATH": f"{Path(engine.path).parent}{os.pathsep}{path}"} if engine.path else {}
        return {
            "TF_VAR_engine": json.dumps(variables),
            "TF_VAR_ssh_authorized_keys": json.dumps(authorized_keys(cluster, around)),
            **search,
        }

    async def drifted(
        self, cluster: Cluster, outputs: Mapping[str, Any], around: Surroundings
    ) -> Mapping[str, str]:
        """Return HCL addresses of containers and networks that are gone."""
        return await machines.drifted(cluster, outputs, await self._containers(cluster, around))

    async def blank(
        self,
        spec: Spec,  # noqa: ARG002 (the contract's)
        cluster: Cluster,
        names: Collection[str],
        around: Surroundings,
    ) -> frozenset[str]:
        """Return names without a container, or whose container carries nothing of a cluster."""
        return await machines.blank(names, await self._containers(cluster, around))

    async def faults(self, spec: Spec, cluster: Cluster, around: Surroundings) -> Mapping[str, str]:  # noqa: ARG002
        """Return nothing: the engine's own words are in OpenTofu's diagnostics."""
        return {}

    async def inventory(
        self,
        cluster: Cluster,
        outputs: Mapping[str, Any],
        around: Surroundings,
        *,
        starting: bool = True,
        spare: Collection[str] = (),
    ) -> Inventory:
        """Return how to reach the machines; starts those that are stopped."""
        containers = await self._containers(cluster, around)
        return await machines.inventory(cluster, outputs, containers, around, starting=starting, spare=spare)

    async def sweep(self, spec: Spec, cluster: Cluster, known: Collection[str], around: Surroundings) -> None:
        """Do nothing: a container is noted with the name under which it is made."""

    async def discard(self, cluster: Cluster, names: Collection[str], around: Surroundings) -> None:
        """Remove containers of a pool that is gone: what left the configuration has no provisioners."""
        await machines.discard(cluster, names, await self._containers(cluster, around), around)

    async def doomed(
        self,
        spec: Spec,  # noqa: ARG002 (the contract's)
        cluster: Cluster,
        around: Surroundings,
    ) -> Doomed:
        """Return the cluster's containers."""
        return await machines.doomed(cluster, await self._containers(cluster, around), around)

    async def adoption(
        self, spec: Spec, cluster: Cluster, nodes: Sequence[Node], around: Surroundings
    ) -> Adoption:
        """Return the cluster's containers and its network."""
        return await adoption(spec, cluster, nodes, await self._containers(cluster, around), around)

    async def release(
        self,
        spec: Spec,  # noqa: ARG002 (the contract's)
        cluster: Cluster,
        around: Surroundings,
    ) -> None:
        """Remove containers of pools that the spec lost: they hold the network, and no state knows them."""
        await machines.release(cluster, await self._containers(cluster, around), around)

    async def cleanup(
        self,
        spec: Spec,  # noqa: ARG002 (the contract's)
        cluster: Cluster,
        around: Surroundings,
    ) -> None:
        """Remove what carries the cluster's labels and stands in no state."""
        await machines.cleanup(cluster, await self._containers(cluster, around), around)

    @staticmethod
    async def _containers(cluster: Cluster, around: Surroundings) -> Containers:
        engine = await detect(cluster.provider.settings.get("engine"), around)
        return Containers(engine, around.runner)
