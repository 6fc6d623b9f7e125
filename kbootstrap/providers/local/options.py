"""Container options that a node needs to run systemd and kubelet: tried once for each engine, then cached.

The first attempt is `--privileged`, as in comparable tools. If the engine refuses it (inside a machine that
lacks a capability), the options are listed explicitly: the available capabilities, and no masks. The error
messages of runc and crun select the remedies, which are added until a node boots.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import resource
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kbootstrap.core import files
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.process import Runner
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.local.capabilities import available
from kbootstrap.providers.local.engine import Engine
from kbootstrap.providers.local.mount import READ_ONLY

_VERSION = 2
"""Part of the cache key: increase it when the attempted options change."""
_TRIES = 6
_START = 60.0
_BOOT = 20.0
"""Seconds. A node boots in one second, on a busy machine in five."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options for `run`: `every` applies to all containers, `node` additionally to nodes."""

    every: tuple[str, ...]
    node: tuple[str, ...]


def always(engine: Engine) -> tuple[str, ...]:
    """Return the options of every node, for any engine.

    Kubernetes data is in a volume, because overlayfs cannot be stacked on overlayfs; another volume has the
    artifacts that nodes share (`shared.py`). The kernel modules of this machine are mounted, so that the node
    can load those that kube-proxy and flannel use.
    """
    found = [
        "--tmpfs=/run",
        "--tmpfs=/run/lock",
        "--tmpfs=/tmp",
        "--cgroupns=private",
        "--volume=/var/lib/rancher",
        READ_ONLY,
    ]
    if Path("/lib/modules").is_dir() and not engine.remote:
        found.append("--volume=/lib/modules:/lib/modules:ro")
    if engine.command == "podman":
        # Otherwise Podman sets up cgroup mounts for systemd, differently in each version.
        found.append("--systemd=false")
    return tuple(found)


async def options(engine: Engine, image: str, context: ProviderContext) -> Options:
    """Return the options; tries them if the cache has none for this engine.

    Raises `PrerequisiteMissing` if no node boots.
    """
    cached = context.cache / "local" / f"options-{_key(engine)}.json"
    try:
        kept = json.loads(cached.read_text("utf-8"))
        found = Options(tuple(map(str, kept["every"])), tuple(map(str, kept["node"])))
    except (OSError, ValueError, TypeError, KeyError):
        found = await _find_options(engine, image, context)
        files.write(cached, json.dumps(asdict(found)))
    return replace(found, node=(*always(engine), *found.node))


async def _find_options(engine: Engine, image: str, context: ProviderContext) -> Options:
    privileges: tuple[str, ...] = ("--privileged",)
    remedies: dict[str, tuple[str, ...]] = {}
    output = ""
    for _ in range(_TRIES):
        every = tuple(option for remedy in remedies.values() for option in remedy)
        output = await _boot(engine, (*always(engine), *every, *privileges), image, context.runner)
        if not output:
            return Options(every, privileges)
        remedy = next((name for name, (pattern, _) in _REMEDIES.items() if re.search(pattern, output)), None)
        if remedy and remedy not in remedies:
            remedies[remedy] = _REMEDIES[remedy][1]()
        elif privileges == ("--privileged",):
            privileges = _explicit(engine)
        else:
            break
    raise PrerequisiteMissing(
        f"{engine} cannot start a container that may run systemd and kubelet",
        hint="see the error message of the engine; `kbootstrap explain KB0605` describes what nodes need",
        detail=output,
        code="KB0605",
    )


async def _boot(engine: Engine, chosen: tuple[str, ...], image: str, runner: Runner) -> str:
    """Boot a test node. Return the reason of a failure; empty on success."""
    name = f"kbootstrap-try-{secrets.token_hex(4)}"
    argv = [engine.program, "run", "--detach", "--tty", "--name", name, "--pull=never", "--network=none"]
    try:
        result = await runner.run([*argv, *chosen, image], deadline=_START, check=False)
        if result.status:
            return result.tail or "no reason given"
        end = time.monotonic() + _BOOT
        while time.monotonic() < end:
            await asyncio.sleep(0.2)
            look = [engine.program, "exec", name, "systemctl", "is-active", "ssh.service"]
            result = await runner.run(look, deadline=_START, check=False)
            if result.stdout.strip() == "active":
                return ""
            if (
                "not running" in result.stderr
                or "stopped" in result.stderr
                or "state improper" in result.stderr
            ):
                break
        result = await runner.run([engine.program, "logs", name], deadline=_START, check=False)
        return result.tail or "systemd does not start, and logs nothing"
    finally:
        await asyncio.shield(
            runner.run([engine.program, "rm", "--force", "--volumes", name], deadline=_START, check=False)
        )


def _explicit(engine: Engine) -> tuple[str, ...]:
    """Return `--privileged` as explicit options, without capabilities that this machine lacks."""
    unmask = "systempaths=unconfined" if engine.command == "docker" else "unmask=ALL"
    return (
        *(f"--cap-add={name}" for name in available(elsewhere=engine.remote)),
        *(f"--security-opt={mask}" for mask in ("seccomp=unconfined", "apparmor=unconfined", unmask)),
        "--device=/dev/kmsg",
        "--device-cgroup-rule=a *:* rwm",
    )


def _limits() -> tuple[str, ...]:
    """Return the limits of this process, which need no privilege to set.

    Podman lowers its own process limit to `kernel.pid_max`, and its containers cannot get more.
    """
    most = [resource.getrlimit(limit)[1] for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)]
    nofile, nproc = (1048576 if value < 0 else value for value in most)
    pid_max = Path("/proc/sys/kernel/pid_max")
    if pid_max.is_file():
        nproc = min(nproc, int(pid_max.read_text()))
    return (f"--ulimit=nofile={nofile}:{nofile}", f"--ulimit=nproc={nproc}:{nproc}")


_REMEDIES: dict[str, tuple[str, Callable[[], tuple[str, ...]]]] = {
    "limits": (r"rlimit|RLIMIT", _limits),
    # crun does not support machines with both cgroup versions mounted; runc does.
    "runtime": (r"cgroups in hybrid mode", lambda: ("--runtime=runc",)),
}


def _key(engine: Engine) -> str:
    """Return the cache key: a hash of the engine, the privileges of this process, and `_VERSION`."""
    status = Path("/proc/self/status")
    rights = re.findall(r"CapBnd:\s*(\w+)", status.read_text()) if status.is_file() else []
    text = f"{_VERSION} {engine.identity} {rights} {_limits()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
