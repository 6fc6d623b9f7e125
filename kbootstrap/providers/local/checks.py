"""Checks of `doctor` for this machine: engine, image, port, disk, memory, flavors."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.local import image
from kbootstrap.providers.local.claims import endpoint_name, free
from kbootstrap.providers.local.containers import Containers
from kbootstrap.providers.local.engine import Engine, detect
from kbootstrap.providers.local.flavors import flavors
from kbootstrap.providers.model import Check
from kbootstrap.spec.model import Cluster

GIB = 1024**3
_SERVER = 1.2
_AGENT = 0.5
"""GiB of memory that a node uses: measured with k3s 1.32 and its packaged components."""
_DISK = 2.0
"""GiB of disk that a node uses: program, unpacked images, etcd."""
_INSTANCES = 32
"""inotify instances that a node uses (systemd, kubelet, containerd, pods); Linux allows 128 by default."""


async def check(context: ProviderContext) -> tuple[Check, ...]:
    """Return the checks. Read-only."""
    cluster = context.cluster
    try:
        engine = await detect(cluster.provider.settings.get("engine"), context)
    except PrerequisiteMissing as missing:
        return (Check("container engine", ok=False, found=missing.message, help=missing.hint or ""),)
    nodes = sum(pool.nodes for pool in (cluster.control_plane, *cluster.pools))
    return (
        Check("container engine", ok=True, found=f"{engine}, cgroup v{engine.cgroup}"),
        await _image(engine, context),
        await _port(engine, context),
        _disk(engine, nodes),
        _memory(cluster, engine),
        *_flavors(cluster, engine),
        *_inotify(engine, nodes),
    )


async def _image(engine: Engine, context: ProviderContext) -> Check:
    name = image.image_name()
    if await image.exists(engine, context):
        return Check("node image", ok=True, found=name)
    mmdebstrap = context.runner.which("mmdebstrap") is not None and os.geteuid() == 0
    ways = "pulled base image or Debian packages" if mmdebstrap else "pulled base image"
    return Check("node image", ok=None, found="not built yet", help=f"`apply` builds it once ({ways})")


async def _port(engine: Engine, context: ProviderContext) -> Check:
    cluster = context.cluster
    own = endpoint_name(cluster)
    there = (await Containers(engine, context.runner).named([own])).get(own)
    if there and there.running:
        port = next(iter(there.ports.values()), 0)
        return Check("API port", ok=True, found=f"{port}, used by {own}")
    chosen = cluster.provider.settings.get("api_port")
    if chosen is None:
        return Check("API port", ok=True, found="derived from names; verified by `plan`")
    if await asyncio.to_thread(free, chosen):
        return Check("API port", ok=True, found=f"{chosen} is free")
    return Check("API port", ok=False, found=f"{chosen} is in use", help="choose another `api_port`")


def _disk(engine: Engine, nodes: int) -> Check:
    folder = Path(engine.storage)
    if engine.remote or not folder.is_dir():
        return Check("disk", ok=None, found="on the virtual machine of the engine")
    have, need = shutil.disk_usage(folder).free / GIB, _DISK * nodes
    return Check(
        "disk",
        ok=have >= need,
        found=f"{have:.0f} GiB free in {folder}; {nodes} nodes need about {need:.0f}",
        help="" if have >= need else f"free disk space (`{engine.command} system df` shows what uses it)",
    )


def _memory(cluster: Cluster, engine: Engine) -> Check:
    agents = sum(pool.nodes for pool in cluster.pools)
    have, need = engine.memory / GIB, _SERVER * cluster.control_plane.nodes + _AGENT * agents
    return Check(
        "memory",
        ok=True if have >= need else None,
        found=f"{have:.0f} GiB; this cluster needs about {need:.1f}",
        help="" if have >= need else "use fewer nodes, or give the machine of the engine more memory",
    )


def _flavors(cluster: Cluster, engine: Engine) -> tuple[Check, ...]:
    """Docker refuses to limit a container to more processors than there are."""
    described = flavors(cluster)
    if not described or engine.remote:
        return ()
    cpus = os.cpu_count() or 1
    large = [
        name for name, one in described.items() if one.cpus > cpus or one.memory_gib * GIB > engine.memory
    ]
    have = f"{cpus} processors, {engine.memory / GIB:.0f} GiB"
    if not large:
        return (Check("flavors", ok=True, found=f"{', '.join(described)} fit this machine ({have})"),)
    return (
        Check(
            "flavors",
            ok=False,
            found=f"{', '.join(large)}: more than this machine has ({have})",
            help="describe smaller ones in `provider.local.flavors`",
        ),
    )


def _inotify(engine: Engine, nodes: int) -> tuple[Check, ...]:
    """Warn if nodes cannot raise the limit themselves."""
    limit = Path("/proc/sys/fs/inotify/max_user_instances")
    if engine.remote or not engine.rootless or not limit.is_file():
        return ()
    have, need = int(limit.read_text()), _INSTANCES * nodes
    if have >= need:
        return ()
    return (
        Check(
            "inotify",
            ok=None,
            found=f"{have} instances per user; {nodes} nodes may need {need}",
            help=f"raise the limit: `sudo sysctl fs.inotify.max_user_instances={max(need, 512)}`",
        ),
    )
