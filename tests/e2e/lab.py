"""What the end-to-end tests share: the installed program, the engine, and a folder that belongs to one test.

A missing real part fails in CI and skips elsewhere, with the reason.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.artifacts import cache
from tests.e2e import ranges
from tests.suite.isolation import isolated

CHECKOUT = Path(__file__).parent.parent.parent
LONG, SHORT = 1800.0, 300.0
"""Seconds until a command of the program, or a question to a cluster, counts as hung: at a load of 20 too."""


def need(condition: object, what: str) -> None:
    """Go on when a real part is there; fail in CI, skip elsewhere."""
    if condition:
        return
    if os.environ.get("CI"):
        pytest.fail(f"a real part is missing in CI: {what}")
    pytest.skip(what)


def program(name: str) -> str | None:
    """Find a program on PATH or among those that kbootstrap keeps."""
    return shutil.which(name) or shutil.which(name, path=str(cache.root(os.environ) / "bin"))


def opentofu(named: str | None = None) -> str:
    """Return the OpenTofu or Terraform that a caller names, or the one of this machine; without one, exit."""
    found = named or program("tofu") or program("terraform")
    if found is None:
        raise SystemExit("OpenTofu or Terraform is needed: make setup")
    return found


def engine() -> str:
    """Return the container engine that answers."""
    for name in filter(None, [os.environ.get("KBOOTSTRAP_ENGINE"), "docker", "podman"]):
        if shutil.which(name) and _answers(name):
            return name
    need(None, "a container engine (Docker or Podman) that answers")
    raise AssertionError


@lru_cache
def _answers(engine: str) -> bool:
    """Return whether an engine answers; asked once by each process of the suite."""
    return subprocess.run([engine, "info"], capture_output=True, check=False).returncode == 0


@dataclass
class Lab:
    """A folder, an environment and the program under test. `tool` is the OpenTofu or Terraform to use."""

    folder: Path
    tool: str
    kbootstrap: tuple[str, ...] = (sys.executable, "-m", "kbootstrap")
    extra: dict[str, str] = field(default_factory=dict)
    failed: int = 0
    """How many tests had failed when the cluster was last known to be well."""

    @property
    def env(self) -> dict[str, str]:
        """The environment of what the lab runs: nothing of an operator's, a kubeconfig of its own."""
        home = self.folder.with_name(f"{self.folder.name}-home")
        home.mkdir(exist_ok=True)
        kept = {name: value for name, value in isolated(os.environ, home).items() if name != "CI"}
        return kept | {"KUBECONFIG": str(self.folder / "kubeconfig"), "NO_COLOR": "1"} | self.extra

    @cached_property
    def prefix(self) -> str:
        """The address range of the lab's cluster, written `10.237`."""
        return ranges.free()

    def text(self, spec: str) -> str:
        """Return a spec with the lab's address range for each `10.X`."""
        return spec.replace("10.X.", f"{self.prefix}.") if "10.X." in spec else spec

    def spec(self, text: str, name: str = "spec.yaml") -> Path:
        """Write a spec into the folder, with the lab's address range for each `10.X`."""
        path = self.folder / name
        path.write_text(self.text(text), encoding="utf-8")
        return path

    def command(self, *arguments: str | Path) -> list[str]:
        """The command line of the program, with the chosen tool where the command takes one."""
        words = [str(a) for a in arguments]
        if words[0] in {"plan", "apply", "replace", "adopt", "destroy", "status", "doctor", "maintain"}:
            words[1:1] = ["--tofu", self.tool]
        return [*self.kbootstrap, *words]

    def run(
        self, *arguments: str | Path, timeout: float = LONG, code: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run the program to its end; `code` is the exit code that must come, None for any."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        if code is not None:
            assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start the program in a session of its own, output into files of the folder."""
        with (self.folder / "started.out").open("w") as out, (self.folder / "started.err").open("w") as err:
            return subprocess.Popen(
                self.command(*arguments),
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                text=True,
                start_new_session=True,
            )

    def kubectl(
        self, *arguments: str, stdin: str | None = None, check: bool = True, timeout: float = SHORT
    ) -> str:
        """Run kubectl with the lab's kubeconfig and return what it printed."""
        kubectl = program("kubectl")
        need(kubectl, "kubectl")
        done = subprocess.run(
            [str(kubectl), *arguments],
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}{done.stdout}"
        return done.stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        """Return a Kubernetes object or list as data."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return found

    def get_names(self, kind: str) -> list[str]:
        """Return the names of Kubernetes objects."""
        return [one["metadata"]["name"] for one in self.get(kind)["items"]]

    def namespace(self, name: str) -> None:
        """Make a namespace that takes pods: a pod is refused until the default service account is there."""
        self.kubectl("create", "namespace", name)
        self.kubectl("-n", name, "wait", "--for=create", "serviceaccount/default", "--timeout=280s")

    def on_node(self, node: str, command: str, *, check: bool = True) -> str:
        """Run a command inside a node's container, behind the tool's back."""
        done = subprocess.run(
            [engine(), "exec", node, "sh", "-c", command],
            capture_output=True,
            text=True,
            timeout=SHORT,
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout.strip()

    def nothing_to_do(self) -> None:
        """See that a further apply has nothing to do."""
        done = self.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
        assert "nothing to do" in done.stderr.lower()

    def versions(self) -> dict[str, str]:
        """Return the version of Kubernetes of each node."""
        nodes = self.get("nodes")["items"]
        return {node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes}

    def ready_nodes(self) -> set[str]:
        """Return the names of the nodes that are Ready."""
        return {
            item["metadata"]["name"]
            for item in self.get("nodes")["items"]
            if any(c["type"] == "Ready" and c["status"] == "True" for c in item["status"]["conditions"])
        }


def new_lab(factory: pytest.TempPathFactory, name: str, tool: str) -> Lab:
    """Return a lab for the modules that work on one cluster; each command takes the tool."""
    engine()
    return Lab(factory.mktemp(name), tool, extra={"KBOOTSTRAP_TOFU": tool})


def begin(request: pytest.FixtureRequest, lab: Lab, base: str) -> None:
    """Begin a chapter: heal the cluster when the spec is another one, or when a test has failed since.

    A cluster that `apply` cannot heal is made again, so that one failure does not lead to others.
    """
    failed = request.session.testsfailed
    if failed == lab.failed and (lab.folder / "spec.yaml").read_text(encoding="utf-8") == lab.text(base):
        return
    lab.failed = failed
    lab.spec(base)
    if lab.run("apply", "-y", "spec.yaml", code=None).returncode != 0:
        lab.run("destroy", "-y", "spec.yaml")
        lab.run("apply", "-y", "spec.yaml")


@contextlib.contextmanager
def destroyed_after(lab: Lab, spec: str, cluster: str) -> Iterator[Lab]:
    """Destroy what `spec.yaml` has at the end: nothing of its cluster may be left. `spec` is its name."""
    try:
        yield lab
    finally:
        lab.run("destroy", "-y", "spec.yaml")
        assert leftovers(spec, cluster) == []


def leftovers(spec: str, cluster: str) -> list[str]:
    """Return everything of a cluster that the engine still has."""
    name = engine()
    marks = ["--filter", f"label=kbootstrap.spec={spec}", "--filter", f"label=kbootstrap.cluster={cluster}"]
    found: list[str] = []
    for kind, words in {
        "container": ["ps", "-a", "--format", "{{.Names}}"],
        "network": ["network", "ls", "--format", "{{.Name}}"],
        "volume": ["volume", "ls", "--format", "{{.Name}}"],
    }.items():
        said = subprocess.run([name, *words, *marks], capture_output=True, text=True, check=True).stdout
        found += [f"{kind} {line}" for line in said.splitlines()]
    return found


def wait_for(
    what: str, condition: Callable[[], object], *, seconds: float = SHORT, every: float = 0.5
) -> None:
    """Wait until a condition holds; an AssertionError inside it counts as not yet.

    Most conditions start a program, so what takes longer is asked less often, up to every two seconds, unless
    `every` is short: then a moment is to be met.
    """
    begun = time.monotonic()
    end = begun + seconds
    last: object = None
    while time.monotonic() < end:
        try:
            if condition():
                return
        except AssertionError as error:
            last = error
        time.sleep(every if every < 0.5 else max(every, min(2.0, (time.monotonic() - begun) / 5)))
    pytest.fail(f"after {seconds:.0f} s still not: {what} ({last})")


def voters(lab: Lab) -> int:
    """Count the members that Kubernetes shows as voters of etcd."""
    found = [item["status"]["conditions"] for item in lab.get("nodes")["items"]]
    return sum(
        c["type"] == "EtcdIsVoter" and c["status"] == "True" for conditions in found for c in conditions
    )


def kill_now(process: subprocess.Popen[str]) -> None:
    """End a started program with `kill -9`, unless it has ended already; what it started lives on."""
    process.kill()
    process.wait()


def environment(overrides: Mapping[str, str]) -> dict[str, str]:
    """Return this environment with some variables changed."""
    return dict(os.environ) | dict(overrides)
