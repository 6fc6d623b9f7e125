"""The provider of a simulated fleet, with the capabilities of real ones; the world has its machines."""

# ruff: noqa: ARG002 - arguments as the contracts have them

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from kbootstrap.artifacts.cache import Kept
from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.core.errors import HostUnreachable, KbootstrapError
from kbootstrap.distros.common import STAMP
from kbootstrap.inventory.certificate import certificate_names
from kbootstrap.inventory.model import Endpoint, Inventory, SshTarget
from kbootstrap.inventory.model import Machine as Target
from kbootstrap.providers.context import ClusterDefinition, ProviderContext
from kbootstrap.providers.model import (
    Check,
    DestroyPreview,
    MachineState,
    OrphanPhase,
    Provider,
    Provisioning,
)
from kbootstrap.render.address import key
from kbootstrap.render.address import node as node_of
from kbootstrap.render.hcl import instance
from kbootstrap.render.model import RenderedRoot
from kbootstrap.render.root import module_name
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.topology import endpoint_address
from tests.fleet.elastic import Elastic
from tests.fleet.infra import NETWORK, Gate, desired_cluster
from tests.fleet.world import World


@dataclass(frozen=True)
class Shared:
    """Shares artifacts between all machines of the world."""

    world: World
    gate: Gate

    async def provide(self, context: ProviderContext, kept: Kept, script: str) -> None:
        if not script:  # the distribution shares nothing
            return
        files = {kept.sha256[name]: path.read_bytes() for name, path in kept.paths.items()}
        if not files.keys() <= self.world.shared.keys():
            await self.gate.call("unpack", lambda: self.world.shared.update(files), seconds=4.0, late=True)


@dataclass(frozen=True)
class Early:
    """Deletes machines of the world before OpenTofu does, one after the other."""

    world: World
    gate: Gate

    async def remove(self, context: ProviderContext, resources: Mapping[str, str]) -> frozenset[str]:
        for address, one in resources.items():
            name = str(key(address))
            machine = self.world.machines.get(name) if ".node[" in address else None
            if machine is not None and machine.instance == one:
                await self.gate.call(f"delete {name}", partial(self.world.dissolve, name), seconds=1.0)
        return frozenset()


class InCreation:
    """Machines of the world that are used while OpenTofu goes on."""

    def ready(
        self, definition: ClusterDefinition, planned: Collection[str], created: Mapping[str, str]
    ) -> frozenset[str]:
        missing = [address for address in planned if address not in created]
        waiting = {node_of(address, definition.cluster.name) for address in missing}
        if NETWORK in missing:
            return frozenset()
        return frozenset(node.name for node in definition.nodes) - waiting

    async def outputs(
        self, context: ProviderContext, created: Mapping[str, str], names: Collection[str]
    ) -> Mapping[str, Any]:
        nodes = desired_cluster(context)
        internal = {"host": str(endpoint_address(context.cluster)), "port": created[NETWORK] and 6443}
        found = {
            str(key(address)): {**nodes[address], "instance": one}
            for address, one in sorted(created.items())
            if ".node[" in address and key(address) in names
        }
        own = {"spec": context.spec.name, "cluster": context.cluster.name}
        return {
            "kbootstrap": {**own, "endpoint": {"internal": internal, "external": internal}, "nodes": found}
        }


class Simulated(Provider):
    """A provider whose machines are those of the world; behaves like `local`."""

    name = "local"

    def __init__(self, world: World, real: Provider, gate: Gate, *, cloud: bool = False) -> None:
        self.world, self._real, self._gate = world, real, gate
        self.traits = real.traits
        self.shared_artifacts = Shared(world, gate) if world.shares else None
        self.machines_in_creation = InCreation() if cloud else None
        self.elastic_machines = Elastic(world, gate)
        self.early_removal = Early(world, gate) if cloud else None

    def render(self, definition: ClusterDefinition) -> RenderedRoot:
        return self._real.render(definition)

    def validate(self, spec: Spec, cluster: Cluster) -> tuple[Diagnostic, ...]:
        return self._real.validate(spec, cluster)

    async def pin(self, context: ProviderContext, *, upgrade: bool = False, creating: bool = True) -> Lock:
        return context.lock

    async def check(self, context: ProviderContext) -> tuple[Check, ...]:
        return ()

    async def prepare(self, context: ProviderContext, *, creating: bool = True) -> Mapping[str, str]:
        return {}

    async def inspect(
        self,
        context: ProviderContext,
        *,
        outputs: Mapping[str, Any] | None = None,
        names: Collection[str] = (),
        faults: bool = False,
    ) -> Mapping[str, MachineState]:
        machines, cluster = self.world.machines, context.cluster
        modules = {pool.born: module_name(cluster, pool) for pool in (cluster.control_plane, *cluster.pools)}
        found = {}
        for name, node in outputs["kbootstrap"]["nodes"].items() if outputs else ():
            there = machines.get(name)
            if (there is None or there.instance != node["instance"]) and node["pool"] in modules:
                address = instance(f"module.{modules[node['pool']]}.terraform_data.node", name)
                found[name] = MachineState(gone="it is gone", replace=(address,))
        for name in names:
            state = Provisioning.PROVISIONED if name in machines else Provisioning.ABSENT
            if name in machines and not machines[name].has(STAMP):
                state = Provisioning.UNPROVISIONED
            found[name] = replace(found.get(name, MachineState()), provisioning=state)
        return found

    async def inventory(
        self,
        context: ProviderContext,
        outputs: Mapping[str, Any],
        *,
        starting: bool = True,
        tolerate_missing: Collection[str] = (),
    ) -> Inventory:
        made, world, cluster = outputs["kbootstrap"], self.world, context.cluster
        first = SshTarget(context.nodes[0].name, "127.0.0.1", 22, "kbootstrap")
        absent: dict[str, KbootstrapError] = {}
        found: dict[str, Target] = {}
        for name, node in made["nodes"].items():
            machine = world.machines.get(name)
            if machine is None:
                absent[name] = HostUnreachable(f"{name} is gone", host=name, code="KB0610")
                if starting and name not in tolerate_missing:
                    raise absent[name]
                continue
            if not machine.up and starting and name not in tolerate_missing:
                world.boot(machine)
            if not machine.up:
                absent[name] = HostUnreachable(f"{name} is stopped", host=name)
                continue
            behind = self.machines_in_creation is not None and name != first.key_alias
            target = SshTarget(name, "127.0.0.1", 22, "kbootstrap", jump=first if behind else None)
            found[name] = Target(name, node["address"], target, machine.instance)
        internal, external = (Endpoint(**made["endpoint"][side]) for side in ("internal", "external"))
        return Inventory(
            cluster.name, found, internal, external, certificate_names(cluster), absent, own_network=True
        )

    async def destroy_preview(self, context: ProviderContext) -> DestroyPreview:
        return DestroyPreview("in the simulation", {"machines": tuple(sorted(self.world.machines))})

    async def remove_orphans(
        self,
        context: ProviderContext,
        phase: OrphanPhase,
        *,
        known: Collection[str] = (),
        names: Collection[str] = (),
    ) -> None:
        def remove() -> None:
            for name in names:
                if name in self.world.machines:
                    self.world.destroy(name)

        if phase is OrphanPhase.AFTER_REMOVAL:
            await self._gate.call("remove orphans", remove, seconds=1.0)
