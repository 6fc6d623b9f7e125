"""A container engine made of answers, and contexts for tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.events import Event, nowhere
from kbootstrap.core.process import Finished, OnLine, Runner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.workspace import Workspace
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.local.engine import Engine
from kbootstrap.spec.load import load
from kbootstrap.spec.lock import Lock, allocate
from kbootstrap.spec.model import Spec
from tests.providers.contexts import define

Said = str | tuple[int, str] | Finished
Answer = Said | Callable[[tuple[str, ...]], Said]

DOCKER = {
    "ServerVersion": "27.1.0",
    "CgroupVersion": "2",
    "Name": "here",
    "ID": "ABC",
    "KernelVersion": "6.1",
    "DockerRootDir": "/var/lib/docker",
    "MemTotal": 16 * 1024**3,
    "SecurityOptions": ["name=seccomp,profile=default"],
}
PODMAN = {
    "host": {"cgroupVersion": "v1", "security": {"rootless": True}, "memTotal": 8 * 1024**3, "kernel": "6.1"},
    "store": {"graphRoot": "/home/me/.local/share/containers/storage"},
    "version": {"Version": "4.3.1"},
}


class FakeRunner:
    """Answers by the longest known beginning of a command line; what has no answer says nothing and is 0.

    An answer is stdout, or an exit status and stderr, or all of them, or a function of the arguments.
    """

    def __init__(self, answers: Mapping[str, Answer], programs: Sequence[str] = ("docker", "podman")) -> None:
        self.answers = dict(answers)
        self.programs = programs
        self.calls: list[tuple[str, ...]] = []

    def which(self, program: str) -> Path | None:
        return Path("/usr/bin") / program if program in self.programs else None

    def places(self, program: str) -> tuple[Path, ...]:
        return (Path("/usr/bin") / program,) if program in self.programs else ()

    async def run(
        self,
        argv: Sequence[str],
        *,
        deadline: float,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        on_line: OnLine | None = None,
        on_error_line: OnLine | None = None,
        grace: float = 5.0,
        check: bool = True,
    ) -> Finished:
        del deadline, cwd, env, stdin, on_line, on_error_line, grace
        call = tuple(argv)
        self.calls.append(call)
        line = " ".join(call)
        known = sorted((key for key in self.answers if line.startswith(key)), key=len)
        answer: Answer = self.answers[known[-1]] if known else ""
        if callable(answer):
            answer = answer(call)
        if isinstance(answer, str):
            answer = Finished(call, 0, answer, "")
        elif isinstance(answer, tuple):
            status, stderr = answer
            answer = Finished(call, status, "", stderr)
        if check and answer.status:
            raise KbootstrapError(f"{call[0]} failed", detail=answer.stderr)
        return answer

    def said(self, start: str) -> list[str]:
        return [" ".join(call) for call in self.calls if " ".join(call).startswith(start)]


def engine(command: str = "docker", **changes: Any) -> Engine:  # noqa: ANN401
    values: dict[str, Any] = {
        "command": command,
        "version": "1",
        "rootless": False,
        "remote": False,
        "cgroup": 2,
        "storage": "/",
        "memory": 8 * 1024**3,
        "identity": f"{command} test",
    }
    return Engine(**{**values, **changes})


def context(
    runner: Runner, folder: Path, env: Mapping[str, str] | None = None, events: list[Event] | None = None
) -> ProviderContext:
    """The context of the spec in the folder, which is written where it is not there."""
    path = folder / "spec.yaml"
    loaded = load(path).checked(path) if path.exists() else spec(folder)
    found = define(loaded, loaded.clusters[0], allocate(loaded, Lock()))
    return ProviderContext(
        spec=loaded,
        cluster=found.cluster,
        lock=found.lock,
        nodes=found.nodes,
        runner=runner,
        env=env or {},
        cache=folder / "cache",
        space=Workspace.beside(folder / "spec.yaml").of("c"),
        redactor=Redactor(),
        emit=nowhere if events is None else events.append,
    )


def spec(
    folder: Path,
    cluster: str = "",
    provider: str = "{local: {}}",
    pools: str = "[{name: web, nodes: 1}]",
) -> Spec:
    """A cluster named `c` of one server and one agent; `cluster` holds further lines of it."""
    path = folder / "spec.yaml"
    path.write_text(
        "apiVersion: kbootstrap/v1alpha1\nname: s\nclusters:\n  c:\n"
        f"    provider: {provider}\n"
        "    kubernetes: {distribution: k3s, version: v1.32.0+k3s1}\n"
        "    control_plane: {nodes: 1}\n"
        f"    pools: {pools}\n{cluster}",
        encoding="utf-8",
    )
    return load(path).checked(path)


def inspected(call: tuple[str, ...], there: Mapping[str, Any]) -> Finished:
    """What `container inspect` prints: those that are there, and an error for each of the others."""
    wanted = [name.removeprefix("id-") for name in call[3:]]
    lost = [f"Error response from daemon: No such container: {one}" for one in wanted if one not in there]
    found = json.dumps([there[name] for name in wanted if name in there])
    return Finished(call, 1 if lost else 0, found, "\n".join(lost))


def containers(*items: Mapping[str, Any], command: str = "docker") -> dict[str, Answer]:
    """Answers of an engine that has these containers; give `Name`, `Labels`, `Running`, `Ports`."""
    there = {
        item["Name"]: {
            "Id": f"id-{item['Name']}",
            "Name": f"/{item['Name']}",
            "State": {"Running": item.get("Running", True)},
            "Config": {"Labels": item.get("Labels", {})},
            "NetworkSettings": {
                "Ports": {f"{p}/tcp": [{"HostPort": str(h)}] for p, h in item.get("Ports", {}).items()}
            },
        }
        for item in items
    }

    return {
        f"{command} ps --all --quiet": "\n".join(f"id-{name}" for name in there),
        f"{command} container inspect": lambda call: inspected(call, there),
    }
