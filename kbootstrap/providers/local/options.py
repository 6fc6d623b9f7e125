"""What a node needs to run systemd and kubelet: tried once for each engine, then remembered.

First `--privileged`, which is what every comparable tool uses. Where the engine refuses it (containers inside
machines that lack a capability), the same is spelt out: the capabilities that there are, and each mask
lifted. Refusals are told apart by the words of runc and crun; each adds its remedy until a node boots.
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

_VERSION = 2
"""Part of the memory's key: raise it when other options are tried."""
_TRIES = 6
_START = 60.0
_BOOT = 20.0
"""Seconds. A node boots in one, on a busy machine in five."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options for `run`: `every` container needs the first, a `node` the others besides."""

    every: tuple[str, ...]
    node: tuple[str, ...]


def always(engine: Engine) -> tuple[str, ...]:
    """Return what every node has, whatever the engine allows.

    Data of Kubernetes is in a volume, because overlayfs cannot stand on overlayfs. Modules of the kernel are
    shown where they are on this machine, so that the node may load what kube-proxy and flannel use.
    """
    found = [
        "--tmpfs=/run",
        "--tmpfs=/run/lock",
        "--tmpfs=/tmp",
        "--cgroupns=private",
        "--volume=/var/lib/rancher",
    ]
    if Path("/lib/modules").is_dir() and not engine.remote:
        found.append("--volume=/lib/modules:/lib/modules:ro")
    if engine.command == "podman":
        # Podman would otherwise arrange cgroup mounts for systemd in ways that differ by version.
        found.append("--systemd=false")
    return tuple(found)


async def options(engine: Engine, image: str, context: ProviderContext) -> Options:
    """Return the options; tries them when nothing is remembered for this engine.

    Raises `PrerequisiteMissing` when no node boots.
    """
    memory = context.cache / "local" / f"options-{_key(engine)}.json"
    try:
        kept = json.loads(memory.read_text("utf-8"))
        found = Options(tuple(map(str, kept["every"])), tuple(map(str, kept["node"])))
    except (OSError, ValueError, TypeError, KeyError):
        found = await _try(engine, image, context)
        files.write(memory, json.dumps(asdict(found)))
    return replace(found, node=(*always(engine), *found.node))


async def _try(engine: Engine, image: str, context: ProviderContext) -> Options:
    power: tuple[str, ...] = ("--privileged",)
    remedies: dict[str, tuple[str, ...]] = {}
    said = ""
    for _ in range(_TRIES):
        every = tuple(option for remedy in remedies.values() for option in remedy)
        said = await _boot(engine, (*always(engine), *every, *power), image, context.runner)
        if not said:
            return Options(every, power)
        remedy = next((name for name, (words, _) in _REMEDIES.items() if re.search(words, said)), None)
        if remedy and remedy not in remedies:
            remedies[remedy] = _REMEDIES[remedy][1]()
        elif power == ("--privileged",):
            power = _explicit(engine)
        else:
            break
    raise PrerequisiteMissing(
        f"{engine} cannot start a container that may run systemd and kubelet",
        hint="the engine's own words are above; `kbootstrap explain KB0605` says what nodes need",
        detail=said,
        code="KB0605",
    )


async def _boot(engine: Engine, chosen: tuple[str, ...], image: str, runner: Runner) -> str:
    """Boot a node for a moment; return why it does not, empty when it does."""
    name = f"kbootstrap-try-{secrets.token_hex(4)}"
    argv = [engine.program, "run", "--detach", "--tty", "--name", name, "--pull=never", "--network=none"]
    try:
        told = await runner.run([*argv, *chosen, image], deadline=_START, check=False)
        if told.status:
            return told.tail or "no reason given"
        end = time.monotonic() + _BOOT
        while time.monotonic() < end:
            await asyncio.sleep(0.2)
            look = [engine.program, "exec", name, "systemctl", "is-active", "ssh.service"]
            told = await runner.run(look, deadline=_START, check=False)
            if told.stdout.strip() == "active":
                return ""
            if "not running" in told.stderr or "stopped" in told.stderr or "state improper" in told.stderr:
                break
        told = await runner.run([engine.program, "logs", name], deadline=_START, check=False)
        return told.tail or "systemd does not start, and says nothing"
    finally:
        await asyncio.shield(
            runner.run([engine.program, "rm", "--force", "--volumes", name], deadline=_START, check=False)
        )


def _explicit(engine: Engine) -> tuple[str, ...]:
    """Spell `--privileged` out, without the capabilities that this machine does not have."""
    unmask = "systempaths=unconfined" if engine.command == "docker" else "unmask=ALL"
    return (
        *(f"--cap-add={name}" for name in available(elsewhere=engine.remote)),
        *(f"--security-opt={mask}" for mask in ("seccomp=unconfined", "apparmor=unconfined", unmask)),
        "--device=/dev/kmsg",
        "--device-cgroup-rule=a *:* rwm",
    )


def _limits() -> tuple[str, ...]:
    """Return limits that need no right to raise them: those of this process.

    Podman lowers its own limit of processes to `kernel.pid_max`, and what it starts cannot get more.
    """
    most = [resource.getrlimit(limit)[1] for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)]
    nofile, nproc = (1048576 if value < 0 else value for value in most)
    pid_max = Path("/proc/sys/kernel/pid_max")
    if pid_max.is_file():
        nproc = min(nproc, int(pid_max.read_text()))
    return (f"--ulimit=nofile={nofile}:{nofile}", f"--ulimit=nproc={nproc}:{nproc}")


_REMEDIES: dict[str, tuple[str, Callable[[], tuple[str, ...]]]] = {
    "limits": (r"rlimit|RLIMIT", _limits),
    # crun refuses machines with both cgroup versions mounted; runc, where installed, does not.
    "runtime": (r"cgroups in hybrid mode", lambda: ("--runtime=runc",)),
}


def _key(engine: Engine) -> str:
    """Return a name for what the answer depends on: the engine, this process's rights, our own version."""
    status = Path("/proc/self/status")
    rights = re.findall(r"CapBnd:\s*(\w+)", status.read_text()) if status.is_file() else []
    text = f"{_VERSION} {engine.identity} {rights} {_limits()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
