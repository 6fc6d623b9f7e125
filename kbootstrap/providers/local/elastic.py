"""Elastic machines: containers like those of the module `nodes`, made without OpenTofu.

A container is created, gets its authorized keys, and is started last: one that runs can be installed. One of
which an interrupted run did not start is reported as failed after a moment.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing
from kbootstrap.core.process import Finished
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.elastic import (
    ADDRESS,
    ELASTIC,
    FLAVOR,
    POOL,
    AddressTaken,
    ElasticMachine,
    MachineOrder,
    MachinePhase,
    OutOfResources,
    Shape,
)
from kbootstrap.providers.local import image
from kbootstrap.providers.local.checks import GIB
from kbootstrap.providers.local.claims import network_name
from kbootstrap.providers.local.containers import (
    CLUSTER,
    INSTANCE,
    NODE,
    OWNER,
    SPEC,
    Container,
    Containers,
)
from kbootstrap.providers.local.engine import Engine, detect
from kbootstrap.providers.local.flavors import flavors as described
from kbootstrap.providers.local.keys import AUTHORIZED_KEYS, authorized_keys
from kbootstrap.providers.local.options import options

CREATED = "kbootstrap.created"
STARTS = 60.0
"""Seconds from the creation of a container until it runs; it takes less than one on an idle machine."""
LEAST = GIB
"""Memory of this machine for each container of a cluster. Agents need half of it; without a bound a load
that needs more nodes than this machine can run would stop all that is on it."""
_TAKEN = re.compile("address already in use|already allocated|address is in use", re.IGNORECASE)
_FULL = re.compile("no space left|cannot allocate memory|out of memory|resource temporarily", re.IGNORECASE)
_ACT = 60.0


@dataclass(frozen=True, slots=True)
class _ContainerSite:
    """The engine, and what identifies this cluster's elastic containers."""

    engine: Engine
    containers: Containers
    context: ProviderContext

    @property
    def marks(self) -> Mapping[str, str]:
        context = self.context
        return {
            SPEC: context.spec.name,
            CLUSTER: context.cluster.name,
            OWNER: str(context.space.root),
            ELASTIC: "yes",
        }

    async def run(self, *arguments: str) -> Finished:
        argv = [self.engine.program, *arguments]
        return await self.context.runner.run(argv, deadline=_ACT, check=False)


class ElasticContainers:
    """Implements `ElasticMachines`."""

    async def list(self, context: ProviderContext) -> tuple[ElasticMachine, ...]:
        """Return the cluster's elastic containers."""
        place = await _place(context)
        found = await place.containers.labelled(place.marks)
        return tuple(_machine(one) for one in found)

    async def create(self, context: ProviderContext, order: MachineOrder) -> ElasticMachine:
        """Create and start a container. One of this name that does not run is completed."""
        place = await _place(context)
        every = await place.containers.all()
        if (found := next((one for one in every if one.name == order.name), None)) is not None:
            if any(found.labels.get(key) != value for key, value in place.marks.items()):
                raise PrerequisiteMissing(
                    f"a container named {order.name} exists already and is not of this cluster",
                    code="KB0607",
                    host=order.name,
                )
            return _machine(found if found.running else await _completed(place, order))
        own = [one for one in every if one.labels.get(CLUSTER) == context.cluster.name]
        if any(order.address in one.addresses or one.labels.get(ADDRESS) == order.address for one in own):
            raise AddressTaken(f"the address {order.address} is in use")
        nodes = sum(NODE in one.labels for one in every if one.running)
        if nodes >= place.engine.memory // LEAST:
            raise OutOfResources(
                f"this machine has {place.engine.memory / GIB:.0f} GiB of memory, and {nodes} containers of "
                "clusters run on it"
            )
        return _machine(await _made(place, order))

    async def delete(self, context: ProviderContext, machine: ElasticMachine) -> None:
        """Remove a container with its volumes."""
        place = await _place(context)
        there = await place.containers.labelled(place.marks)
        await place.containers.remove(one.id for one in there if one.id == machine.id)

    async def shapes(self, context: ProviderContext, flavors: Collection[str]) -> Mapping[str, Shape]:
        """Return the sizes of the spec; a node without a flavor has all of this machine."""
        engine = (await _place(context)).engine
        disk = await asyncio.to_thread(_disk, engine.storage)
        labels = {"node.kubernetes.io/instance-type": context.cluster.kubernetes.distribution}
        arch = "arm64" if os.uname().machine in {"aarch64", "arm64"} else "amd64"
        sizes = {
            "": (os.cpu_count() or 1, engine.memory >> 20),
            **{name: (one.cpus, one.memory_gib << 10) for name, one in described(context.cluster).items()},
        }
        return {
            name: Shape(cpus, memory, disk, arch, labels)
            for name, (cpus, memory) in sizes.items()
            if name in flavors
        }


def _disk(storage: str) -> int:
    """Return the size of the disk of the engine's containers in GiB."""
    return shutil.disk_usage(storage if Path(storage).is_dir() else "/").total // GIB


async def _place(context: ProviderContext) -> _ContainerSite:
    engine = await detect(context.cluster.provider.settings.get("engine"), context)
    return _ContainerSite(engine, Containers(engine, context.runner), context)


def _machine(one: Container) -> ElasticMachine:
    labels = one.labels
    created = float(labels.get(CREATED, "0"))
    phase = MachinePhase.RUNNING
    if not one.running:
        late = time.time() - created > STARTS
        phase = MachinePhase.FAILED if late else MachinePhase.CREATING
    return ElasticMachine(
        id=one.id,
        name=one.name,
        pool=labels.get(POOL, ""),
        flavor=labels.get(FLAVOR, ""),
        address=labels.get(ADDRESS, ""),
        phase=phase,
        created=created,
        fault=f"the container {one.name} does not run" if phase is MachinePhase.FAILED else "",
    )


async def _made(place: _ContainerSite, order: MachineOrder) -> Container:
    """Create a container, as the module `nodes` does, and start it; nothing is left after a failure."""
    context, name = place.context, await image.ensure(place.engine, place.context)
    chosen = await options(place.engine, name, context)
    size = described(context.cluster).get(order.flavor)
    limits = size.limits if size is not None else ()
    labels = {
        **place.marks,
        NODE: order.name,
        INSTANCE: f"elastic-{secrets.token_hex(8)}",
        POOL: order.pool,
        FLAVOR: order.flavor,
        ADDRESS: order.address,
        CREATED: f"{time.time():.0f}",
    }
    created = await place.run(
        *("create", "--name", order.name, "--hostname", order.name, "--tty", "--restart", "unless-stopped"),
        *("--pull", "never", "--network", network_name(context.spec.name, context.cluster.name)),
        *("--ip", order.address, "--publish", "127.0.0.1::22", "--stop-signal", "SIGRTMIN+3"),
        *(f"--label={key}={value}" for key, value in labels.items()),
        *(*chosen.every, *chosen.node, *limits, name),
    )
    try:
        _check(created, order)
        return await _completed(place, order)
    except KbootstrapError:
        left = await place.containers.labelled({**place.marks, INSTANCE: labels[INSTANCE]})
        await place.containers.remove(one.id for one in left)
        raise


async def _completed(place: _ContainerSite, order: MachineOrder) -> Container:
    """Give a container the keys that may log in, start it, and return it."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys"
        keys.write_text("".join(f"{key}\n" for key in authorized_keys(place.context)), encoding="utf-8")
        keys.chmod(0o644)
        _check(await place.run("cp", str(keys), f"{order.name}:{AUTHORIZED_KEYS}"), order)
    _check(await place.run("start", order.name), order)
    found = await place.containers.named([order.name])
    if order.name not in found:
        raise KbootstrapError(f"the container {order.name} was removed while it was created")
    return found[order.name]


def _check(finished: Finished, order: MachineOrder) -> None:
    """Raise what a failure of the engine means."""
    if finished.status == 0:
        return
    said = finished.tail or "no reason given"
    if _TAKEN.search(said):
        raise AddressTaken(f"the address {order.address} is in use")
    if _FULL.search(said):
        raise OutOfResources(f"the container engine has no room for {order.name}: {said}")
    raise KbootstrapError(f"the container {order.name} cannot be created: {said}", host=order.name)
