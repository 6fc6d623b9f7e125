"""One crash: a command runs, its events are followed, and at one of them something dies.

That is kbootstrap (`kill -9`), a machine (its container is killed), or the network between the operator and a
machine (its SSH port falls silent). What follows must heal it.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.e2e.firewall import lost
from tests.e2e.lab import LONG, Lab, engine, kill_now, wait_for

How = Literal["kbootstrap", "machine", "network"]
PATIENCE = 20.0
"""Seconds that a run may go on whose machine or network died; then it is killed too. Its own deadlines are
longer, and the matter of other tests."""


@dataclass(frozen=True)
class Boundary:
    """One event: a phase or a step begins, or is done. `node` is empty for phases."""

    what: str
    status: str
    node: str = ""

    def __str__(self) -> str:
        return f"{f'{self.node}: ' if self.node else ''}{self.what}: {self.status}"

    @classmethod
    def of(cls, event: dict[str, Any]) -> Boundary | None:
        """Read an event; None for what is no boundary."""
        if event.get("type") not in {"phase", "step"} or event.get("status") not in {"started", "done"}:
            return None
        return cls(event[event["type"]], event["status"], event.get("node", ""))


def boundaries(log: Path) -> list[Boundary]:
    """Return the boundaries of a run so far, each once, in order, without a line that is only half there."""
    found = []
    for line in log.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict) and (one := Boundary.of(event)):
                found.append(one)
    return list(dict.fromkeys(found))


def follow(lab: Lab, process: subprocess.Popen[str], at: Boundary, seconds: float) -> bool:
    """Wait until the run reports a boundary; False if it ended before."""
    log, end = lab.folder / "started.out", time.monotonic() + seconds
    while time.monotonic() < end:
        ended = process.poll() is not None
        if at in boundaries(log):
            return True
        if ended:
            return False
        time.sleep(0.02)
    return False


def crash(
    lab: Lab, arguments: Sequence[str | Path], at: Boundary, how: How, victim: str, *, seconds: float = LONG
) -> bool:
    """Run a command and let something die at a boundary; return whether that moment came.

    `victim` is the machine that dies, or that is cut off until the run has ended.
    """
    process = lab.start(*arguments)
    try:
        if not follow(lab, process, at, seconds):
            return False
        if how == "kbootstrap":
            kill_now(process)
            return True
        process.send_signal(signal.SIGSTOP)  # the moment is the one that was chosen
        with _dying(how, victim), contextlib.suppress(subprocess.TimeoutExpired):
            process.send_signal(signal.SIGCONT)
            process.wait(PATIENCE)
        return True
    finally:
        kill_now(process)


@contextlib.contextmanager
def _dying(how: How, victim: str) -> Iterator[None]:
    if how == "machine":
        subprocess.run([engine(), "kill", victim], check=False, capture_output=True)
        yield
        return
    inside = [engine(), "exec", victim, "sh", "-c"]
    rule = lost("-p tcp --dport 22")
    closed = subprocess.run([*inside, rule.close], check=False, capture_output=True, text=True)
    assert closed.returncode == 0 or not _runs(victim), closed.stderr
    try:
        yield
    finally:
        reopen = rule.reopen_if_closed  # a machine that is new does not have it
        opened = subprocess.run([*inside, reopen], check=False, capture_output=True, text=True)
        assert opened.returncode == 0 or not _runs(victim), opened.stderr


def _runs(container: str) -> bool:
    """Whether a container runs: a point may lie before its creation, or after its end."""
    words = [engine(), "container", "inspect", "--format", "{{.State.Running}}", container]
    return subprocess.run(words, check=False, capture_output=True, text=True).stdout.strip() == "true"


@dataclass
class Living:
    """A cluster that crashes happen to: what it is, and what must be true of it after each."""

    lab: Lab
    cluster: str
    servers: int = 1
    distribution: str = "k3s"

    @property
    def first(self) -> str:
        return f"{self.cluster}-control-plane-1"

    def authority(self) -> str:
        """Return the identity of a cluster: the hash of its authority, the same on all servers."""
        path = f"/var/lib/rancher/{self.distribution}/server/tls/server-ca.crt"
        names = [f"{self.cluster}-control-plane-{n}" for n in range(1, self.servers + 1)]
        found = {self.lab.on_node(name, f"sha256sum < {path}") for name in names}
        assert len(found) == 1, "two clusters were born"
        return found.pop()

    def write(self, text: str) -> None:
        self.lab.kubectl("create", "configmap", "kept", f"--from-literal=since={text}")

    def heal(
        self, nodes: set[str], *, authority: str | None, data: str | None, timeout: float = LONG
    ) -> None:
        """Apply, and see the end state of no crash: these nodes, one cluster, the data, nothing to do."""
        self.lab.run("apply", "-y", "spec.yaml", timeout=timeout)
        wait_for("all nodes", lambda: self.lab.ready_nodes() == nodes)
        items = self.lab.get("nodes")["items"]
        assert {item["metadata"]["name"] for item in items} == nodes
        assert not [item for item in items if item["spec"].get("unschedulable")]
        if authority is not None:
            assert self.authority() == authority, "the cluster is another one"
        if data is not None:
            found = self.lab.kubectl("get", "configmap", "kept", "-o", "jsonpath={.data.since}")
            assert found == data
        wait_for(
            "an apply with nothing to do",
            lambda: (
                self.lab.run("apply", "-y", "--detailed-exitcode", "spec.yaml", code=None).returncode == 0
            ),
            every=2,
        )
