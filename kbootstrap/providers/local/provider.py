"""Implements the provider contract with the other modules of this folder."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kbootstrap.artifacts.cache import Kept
from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.inventory.model import Inventory
from kbootstrap.providers.capabilities import Adoptable
from kbootstrap.providers.context import ClusterDefinition, ProviderContext
from kbootstrap.providers.local import adoption, checks, claims, flavors, image, machines, shared
from kbootstrap.providers.local.containers import OWNER, Containers
from kbootstrap.providers.local.elastic import ElasticContainers
from kbootstrap.providers.local.engine import detect, remember
from kbootstrap.providers.local.hints import HINTS
from kbootstrap.providers.local.keys import authorized_keys, replace_lost
from kbootstrap.providers.local.options import Options, options
from kbootstrap.providers.local.render import render
from kbootstrap.providers.model import Check, DestroyPreview, MachineState, OrphanPhase, Provider
from kbootstrap.providers.traits import ProviderTraits
from kbootstrap.render.model import RenderedRoot
from kbootstrap.render.traits import ResourceTraits, SpecKey
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Spec


class LocalAdoption:
    """Imports existing containers into a new state."""

    async def find(self, context: ProviderContext) -> Adoptable:
        """Return the containers and the network of the cluster."""
        return await adoption.find(context, await _containers(context))


class LocalSharedArtifacts:
    """Unpacks artifacts into a volume of the engine."""

    async def provide(self, context: ProviderContext, kept: Kept, script: str) -> None:
        """Unpack the files of a version, unless the volume has them."""
        engine = await detect(context.cluster.provider.settings.get("engine"), context)
        chosen = await options(engine, image.image_name(), context)
        await shared.provide(engine, chosen, kept, script, context)


class LocalRehearsals:
    """Temporary clusters with a port and addresses of their own."""

    taken = frozenset({"KB0606", "KB0608"})

    def settings(self, shared: Mapping[str, Any], port: int) -> Mapping[str, Any]:
        """Return the same settings with another port."""
        return {**shared, "api_port": port}


class Local(Provider):
    """Containers on this machine."""

    name = "local"
    traits = ProviderTraits(
        on_this_machine=True,
        switches_context=True,
        hints=HINTS,
        resources=ResourceTraits(
            {"terraform_data.node": "machine", "terraform_data.network": "network"},
            keys={
                "address": SpecKey("subnet"),
                "api_port": SpecKey("provider", ("api_port",)),
                "flavor": SpecKey("pool", ("flavor",)),
            },
        ),
        delete_machine="docker rm --force --volumes {name}",
    )
    adoption = LocalAdoption()
    rehearsals = LocalRehearsals()
    elastic_machines = ElasticContainers()
    shared_artifacts = LocalSharedArtifacts()

    def render(self, definition: ClusterDefinition) -> RenderedRoot:
        """Return the root module of the cluster. Pure and byte-stable."""
        return render(definition.spec, definition.cluster, definition.lock)

    def validate(self, spec: Spec, cluster: Cluster) -> tuple[Diagnostic, ...]:
        """Return flavors of pools that the settings do not describe. Pure."""
        return tuple(flavors.problems(spec, cluster))

    async def pin(
        self,
        context: ProviderContext,
        *,
        upgrade: bool = False,  # noqa: ARG002 (the contract's)
        creating: bool = True,  # noqa: ARG002
    ) -> Lock:
        """Return the lock unchanged: there is nothing to pin."""
        return context.lock

    async def check(self, context: ProviderContext) -> tuple[Check, ...]:
        """Check engine, image, port, disk and memory."""
        return await checks.check(context)

    async def prepare(self, context: ProviderContext, *, creating: bool = True) -> Mapping[str, str]:
        """Build the image, generate the key, verify names, addresses and port; return the variables."""
        engine = await detect(context.cluster.provider.settings.get("engine"), context)
        name = image.image_name()
        chosen = Options((), ())
        if creating:
            await claims.verify(context, Containers(engine, context.runner))
            await image.ensure(engine, context)
            await shared.tidy(engine, context)
            chosen = await options(engine, name, context)
            remember(engine, context.space)
        await replace_lost(context, Containers(engine, context.runner))
        variables = {
            "command": engine.command,
            "image": name,
            "run_options": chosen.every,
            "node_options": chosen.node,
            "labels": {OWNER: str(context.space.root)},
        }
        # The state has only the name of the program. PATH starts with its folder if needed.
        path = context.env.get("PATH", os.defpath)
        search = {"PATH": f"{Path(engine.path).parent}{os.pathsep}{path}"} if engine.path else {}
        return {
            "TF_VAR_engine": json.dumps(variables),
            "TF_VAR_ssh_authorized_keys": json.dumps(authorized_keys(context)),
            **search,
        }

    async def inspect(
        self,
        context: ProviderContext,
        *,
        outputs: Mapping[str, Any] | None = None,
        names: Collection[str] = (),
        faults: bool = False,  # noqa: ARG002 (OpenTofu's diagnostics have the engine's messages)
    ) -> Mapping[str, MachineState]:
        """Return missing containers and networks, and whether nodes have an installation."""
        if not outputs and not names:
            return {}
        containers = await _containers(context)
        found = await machines.missing(context.cluster, outputs or {}, containers)
        for name, seen in (await machines.provisioning(names, containers)).items() if names else ():
            found[name] = replace(found.get(name, MachineState()), provisioning=seen)
        return found

    async def inventory(
        self,
        context: ProviderContext,
        outputs: Mapping[str, Any],
        *,
        starting: bool = True,
        tolerate_missing: Collection[str] = (),
    ) -> Inventory:
        """Return the connections to the machines. Starts stopped containers."""
        return await machines.inventory(
            context,
            outputs,
            await _containers(context),
            starting=starting,
            tolerate_missing=tolerate_missing,
        )

    async def destroy_preview(self, context: ProviderContext) -> DestroyPreview:
        """Return the cluster's containers."""
        return await machines.destroy_preview(context, await _containers(context))

    async def remove_orphans(
        self,
        context: ProviderContext,
        phase: OrphanPhase,
        *,
        known: Collection[str] = (),  # noqa: ARG002 (the contract's)
        names: Collection[str] = (),
    ) -> None:
        """Remove containers and networks with the cluster's labels that OpenTofu does not remove."""
        match phase:
            case OrphanPhase.BEFORE_CREATE:
                return  # the state records the name of a container before it is created
            case OrphanPhase.AFTER_REMOVAL:  # a pool removed from the spec has no provisioners
                await machines.remove_nodes(context, names, await _containers(context))
            case OrphanPhase.BEFORE_DESTROY:  # containers of such pools block the network
                await machines.remove_unlisted_nodes(context, await _containers(context))
            case OrphanPhase.AFTER_DESTROY:
                await machines.remove_all(context, await _containers(context))


async def _containers(context: ProviderContext) -> Containers:
    engine = await detect(context.cluster.provider.settings.get("engine"), context)
    return Containers(engine, context.runner)
