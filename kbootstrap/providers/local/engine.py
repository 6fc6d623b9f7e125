"""Detects the container engine of this machine and its properties."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from kbootstrap.core import files
from kbootstrap.core.errors import DeadlinePassed, PrerequisiteMissing
from kbootstrap.core.process import Runner
from kbootstrap.core.workspace import ClusterSpace
from kbootstrap.providers.context import ProviderContext

Name = Literal["docker", "podman"]
NAMES: tuple[Name, ...] = ("docker", "podman")
_ANSWER = 60.0
"""Seconds. A sleeping Podman machine or a socket-activated daemon needs some time."""
_START = {
    "docker": "start it (Linux: `sudo systemctl start docker`; elsewhere: open Docker Desktop)",
    "podman": "run `podman info` for the reason (macOS and Windows: `podman machine start`)",
}


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine. `cgroup` is 1 or 2; `storage` is its folder of images and containers.

    `remote`: containers run on another machine than this process (Docker Desktop, Podman machine, or a daemon
    set by DOCKER_HOST). `identity` changes if the options that work with the engine may have changed. `path`
    is the program if the first one with its name on PATH cannot be used, otherwise empty.
    """

    command: Name
    version: str
    rootless: bool
    remote: bool
    cgroup: int
    storage: str
    memory: int
    identity: str
    path: str = ""

    @property
    def program(self) -> str:
        """The program to run."""
        return self.path or self.command

    def __str__(self) -> str:
        return f"{self.command} {self.version}{' (rootless)' if self.rootless else ''}"


async def detect(setting: str | None, context: ProviderContext) -> Engine:
    """Return the engine to use: of the spec, of KBOOTSTRAP_ENGINE, or the one that created this cluster.

    If none is set, returns the first engine that responds, Docker before Podman. An engine is asked once in a
    run. Raises `PrerequisiteMissing`.
    """
    chosen = _chosen(setting, context)
    key = f"engine {chosen or ''}"
    if key not in context.answers:
        context.answers[key] = await _find(chosen, context)
    found: Engine = context.answers[key]
    return found


async def _find(chosen: Name | None, context: ProviderContext) -> Engine:
    if chosen:
        return await _ask(chosen, context.runner)
    failures: list[PrerequisiteMissing] = []
    for name in NAMES:
        if not context.runner.places(name):
            continue
        try:
            return await _ask(name, context.runner)
        except PrerequisiteMissing as failure:
            failures.append(failure)
    if failures:
        raise failures[0]
    raise PrerequisiteMissing(
        "this machine has no container engine: neither docker nor podman is on PATH",
        hint="install one of them (Debian and Ubuntu: `sudo apt install docker.io`, or `podman`)",
        code="KB0601",
    )


def remember(engine: Engine, space: ClusterSpace) -> None:
    """Record the engine of this cluster, so that later runs use it even if another engine is installed."""
    files.write_if_changed(_record(space), f"{engine.command}\n")


def _record(space: ClusterSpace) -> Path:
    return space.run / "engine"


def _chosen(setting: str | None, context: ProviderContext) -> Name | None:
    sources = [
        ("provider.local.engine", setting if setting != "auto" else None),
        ("KBOOTSTRAP_ENGINE", context.env.get("KBOOTSTRAP_ENGINE")),
    ]
    if _record(context.space).is_file():
        sources.append((str(_record(context.space)), _record(context.space).read_text("utf-8").strip()))
    for where, value in sources:
        if not value or value == "auto":
            continue
        for name in NAMES:
            if value == name:
                return name
        raise PrerequisiteMissing(
            f"{where} has the value '{value}', which is not a supported container engine",
            hint="supported engines: docker, podman",
            code="KB0601",
        )
    return None


async def _ask(name: Name, runner: Runner) -> Engine:
    if not runner.places(name):
        raise PrerequisiteMissing(
            f"the container engine {name} is not on PATH",
            hint=f"install {name}, or choose the other engine: `provider.local.engine` or KBOOTSTRAP_ENGINE",
            code="KB0601",
        )
    places = runner.places(name)
    failures: list[PrerequisiteMissing] = []
    for place in places:
        # The usual case: run the engine by its name.
        program = name if len(places) == 1 else str(place)
        try:
            found = await _ask_program(name, program, runner)
        except PrerequisiteMissing as failure:
            failures.append(failure)
        else:
            return found if place == places[0] else replace(found, path=program)
    raise failures[0]


async def _ask_program(name: Name, program: str, runner: Runner) -> Engine:
    try:
        result = await runner.run([program, "info", "--format", "{{json .}}"], deadline=_ANSWER, check=False)
    except DeadlinePassed as error:
        raise PrerequisiteMissing(
            f"{name} did not respond within {_ANSWER:.0f} s", hint=_START[name], code="KB0602"
        ) from error
    except PrerequisiteMissing as error:
        raise PrerequisiteMissing(
            error.message,
            hint=f"install {name} for this machine, or choose the other engine: `provider.local.engine` or "
            "KBOOTSTRAP_ENGINE",
            code="KB0601",
        ) from error
    try:
        info = json.loads(result.stdout)
    except ValueError:
        info = None
    if not isinstance(info, dict):
        info = {}
    error_text = "\n".join(info.get("ServerErrors") or ()) or (result.tail if result.status else "")
    if error_text or not info:
        raise _no_answer(name, error_text)
    return _podman(info) if name == "podman" or "host" in info else _docker(info)


def _no_answer(name: Name, output: str) -> PrerequisiteMissing:
    if "permission denied" in output.lower():
        return PrerequisiteMissing(
            f"this user has no permission to connect to {name}",
            hint="run `sudo usermod -aG docker $USER` and log in again, or use rootless Docker or Podman",
            detail=output,
            code="KB0603",
        )
    return PrerequisiteMissing(
        f"{name} is installed, but does not respond", hint=_START[name], detail=output or None, code="KB0602"
    )


def _docker(info: dict[str, Any]) -> Engine:
    version = str(info.get("ServerVersion", "?"))
    desktop = "Docker Desktop" in str(info.get("OperatingSystem", ""))
    rootless = any("rootless" in str(option) for option in info.get("SecurityOptions") or ())
    cgroup = 2 if str(info.get("CgroupVersion")) == "2" else 1
    remote = desktop or platform.system() != "Linux" or info.get("Name") != platform.node()
    return Engine(
        command="docker",
        version=version,
        rootless=rootless,
        remote=remote,
        cgroup=cgroup,
        storage=str(info.get("DockerRootDir", "")),
        memory=int(info.get("MemTotal") or 0),
        identity=f"docker {version} {info.get('ID')} {info.get('KernelVersion')} {cgroup} {rootless}",
    )


def _podman(info: dict[str, Any]) -> Engine:
    host = info.get("host", {})
    version = str(info.get("version", {}).get("Version", "?"))
    rootless = bool(host.get("security", {}).get("rootless"))
    cgroup = 2 if host.get("cgroupVersion") == "v2" else 1
    machine = f"{host.get('hostname')} {host.get('kernel')} {host.get('ociRuntime', {}).get('name')}"
    return Engine(
        command="podman",
        version=version,
        rootless=rootless,
        remote=bool(host.get("serviceIsRemote")) or platform.system() != "Linux",
        cgroup=cgroup,
        storage=str(info.get("store", {}).get("graphRoot", "")),
        memory=int(host.get("memTotal") or 0),
        identity=f"podman {version} {machine} {cgroup} {rootless}",
    )
