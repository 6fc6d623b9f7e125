"""The autoscaler server in end-to-end tests, and a client that plays Cluster Autoscaler."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.lab import SHORT, Lab, kill_now, wait_for

if TYPE_CHECKING:
    from kbootstrap.autoscaler.wire import Message

HOST = "127.0.0.1"
_AN_HOUR = {"startTime": {"seconds": 0}, "endTime": {"seconds": 3600}}
JOINS = 900.0
"""Seconds until an elastic machine is a Ready node, on a machine with a load of 20."""


@dataclass
class Scaler:
    """One server for one cluster. Calls are those of Cluster Autoscaler: with mutual TLS, 5 s for each."""

    lab: Lab
    cluster: str
    port: int = 0
    metrics: int = 0
    process: subprocess.Popen[str] | None = None
    logs: list[str] = field(default_factory=list)
    """What servers have written that have ended."""

    def configure(self) -> None:
        """Write certificates and the configuration file; ports are free ones of this machine."""
        self.port, self.metrics = free_port(), free_port()
        self.lab.run("autoscaler", "certificates", "pki", "--name", HOST)
        tls = self.lab.folder / "tls"
        tls.mkdir(exist_ok=True)
        for own, name in (("ca.crt", "ca.crt"), ("server.crt", "tls.crt"), ("server.key", "tls.key")):
            (tls / name).write_bytes((self.lab.folder / "pki" / own).read_bytes())
        (self.lab.folder / "autoscaler.yaml").write_text(
            "apiVersion: kbootstrap/autoscaler-v1alpha1\n"
            f"spec: spec.yaml\ncluster: {self.cluster}\ncertificates: tls\n"
            f"listen: {HOST}:{self.port}\nmetrics: {HOST}:{self.metrics}\n",
            encoding="utf-8",
        )

    def start(self) -> None:
        """Start a server, and wait until it serves: a Lease of a killed one has to run out first."""
        self.process = self.lab.start("autoscaler", "serve", "--config", "autoscaler.yaml")
        try:
            wait_for("the server is ready", self.ready, seconds=SHORT)
        except BaseException:
            print(self.log)  # noqa: T201 - pytest shows it
            raise

    def ready(self) -> bool:
        """Return whether the server leads and serves; fails if it has ended."""
        if self.process is not None and self.process.poll() is not None:
            pytest.fail(f"the server ended with {self.process.returncode}:\n{self.log}")
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.metrics}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """End the server as `kill -9` does."""
        assert self.process is not None
        kill_now(self.process)
        self._ended()

    def stop(self) -> None:
        """End the server with SIGTERM, which ends it with exit code 0."""
        if self.process is None:
            return
        self.process.terminate()
        assert self.process.wait(timeout=SHORT) == 0, self.log
        self._ended()

    def _ended(self) -> None:
        self.logs.append(self.log)
        self.process = None

    @property
    def log(self) -> str:
        """The log of the server that runs, or ran last."""
        return (self.lab.folder / "started.err").read_text(encoding="utf-8")

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log of this server as data."""
        return log_lines(self.log)

    @property
    def notices(self) -> list[dict[str, Any]]:
        """What this server reported."""
        return [line for line in self.lines if line["event"] == "notice"]

    def call(self, name: str, **fields: object) -> Message:
        """Make one call; raises `grpc.RpcError`.

        A server that does not lead at this moment is asked again, as Cluster Autoscaler's next loop does: the
        API of a busy cluster may not answer for ten seconds.
        """
        import grpc

        end = time.monotonic() + SHORT
        while True:
            try:
                return self._call(name, **fields)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() > end:
                    raise
            time.sleep(1)

    def _call(self, name: str, **fields: object) -> Message:
        import grpc
        from google.protobuf import message_factory

        from kbootstrap.autoscaler.wire.messages import SERVICE
        from tests.autoscaler.wires import OLD, wire

        method = wire(OLD).pool.FindServiceByName(SERVICE).methods_by_name[name]
        request, response = map(message_factory.GetMessageClass, (method.input_type, method.output_type))
        files = (self.lab.folder / "pki" / one for one in ("ca.crt", "client.key", "client.crt"))
        credentials = grpc.ssl_channel_credentials(*(one.read_bytes() for one in files))
        with grpc.secure_channel(f"{HOST}:{self.port}", credentials) as channel:
            send = channel.unary_unary(
                f"/{SERVICE}/{name}",
                request_serializer=request.SerializeToString,
                response_deserializer=response.FromString,
            )
            return send(request(**fields), timeout=5)

    def grow(self, group: str, delta: int = 1) -> None:
        """One round of the loop that asks for nodes."""
        self.call("Refresh")
        self.call("NodeGroupIncreaseSize", id=group, delta=delta)

    def remove(self, group: str, name: str) -> None:
        """Drain a node, and delete it, as Cluster Autoscaler does with an idle one."""
        self.call("NodeGroupDeleteNodes", id=group, nodes=[drained(self.lab, name)])

    def node_price(self, node: Mapping[str, object]) -> float:
        """Return the price of a node for an hour."""
        return float(self.call("PricingNodePrice", node=node, **_AN_HOUR).price)

    def pod_price(self, requests: Mapping[str, str]) -> float:
        """Return the price of a pod with one container for an hour."""
        from tests.autoscaler.wires import OLD, wire

        pod = wire(OLD).kubernetes("Pod")()
        container = pod.spec.containers.add()
        for key, value in requests.items():
            container.resources.requests[key].string = value
        return float(self.call("PricingPodPrice", pod=pod, **_AN_HOUR).price)

    def idle(self, group: str) -> float:
        """Return how long a node of a group must be idle before it is removed, in seconds."""
        defaults = {"scaleDownUnneededTime": {"duration": 600 * 10**9}}
        options = self.call("NodeGroupGetOptions", id=group, defaults=defaults)
        return float(options.nodeGroupAutoscalingOptions.scaleDownUnneededTime.duration / 1e9)

    def target(self, group: str) -> int:
        """Return the target size of a group."""
        return int(self.call("NodeGroupTargetSize", id=group).targetSize)

    def instances(self, group: str) -> dict[str, int]:
        """Return the state of each instance of a group, by ID: 1 running, 2 creating, 3 deleting."""
        found = self.call("NodeGroupNodes", id=group).instances
        return {one.id: one.status.instanceState for one in found}

    def faults(self, group: str) -> list[tuple[int, str]]:
        """Return class and message of the errors of instances."""
        found = self.call("NodeGroupNodes", id=group).instances
        errors = (one.status.errorInfo for one in found)
        return [(one.instanceErrorClass, one.errorMessage) for one in errors if one.errorMessage]


def log_lines(text: str) -> list[dict[str, Any]]:
    """Return the lines of a server's log as data."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def drained(lab: Lab, name: str) -> dict[str, str]:
    """Drain a node; return it as Cluster Autoscaler names it when it asks for its deletion."""
    lab.kubectl("drain", name, "--ignore-daemonsets", "--delete-emptydir-data")
    node = lab.get("node", name)
    return {"name": name, "providerID": node["spec"].get("providerID", "")}


def elastic(lab: Lab, static: set[str]) -> set[str]:
    """Return the Ready nodes that are none of these."""
    return lab.ready_nodes() - static


def joined(lab: Lab, static: set[str], number: int) -> set[str]:
    """Wait until so many elastic nodes are Ready; return their names."""
    wait_for(f"{number} elastic nodes", lambda: len(elastic(lab, static)) == number, seconds=JOINS)
    return elastic(lab, static)


@contextlib.contextmanager
def scaler(lab: Lab, cluster: str) -> Iterator[Scaler]:
    """Run a server for a cluster that exists, until the end of the block."""
    made = Scaler(lab, cluster)
    made.configure()
    try:
        made.start()
        yield made
    finally:
        if made.process is not None:
            kill_now(made.process)


def until(what: str, condition: Callable[[], object]) -> None:
    """Wait as long as a machine may take."""
    wait_for(what, condition, seconds=JOINS)


def free_port() -> int:
    """Return a TCP port of this machine that nothing listens on."""
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])
