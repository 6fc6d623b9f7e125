"""Clients of a cluster that work all the time, and note when they got no answer.

One writes and reads through the API, one follows what the first writes, one fetches a page of a Service.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ruamel.yaml import YAML

_EVERY = 0.25
_PATIENCE = 60.0
"""Seconds between two requests, and until one counts as failed in a test: slowness is no failure there."""
NAME = "probe"
_MAPS = "/api/v1/namespaces/default/configmaps"


@dataclass
class Probe:
    """What the client saw. `failed` are the moments (seconds since the begin) at which it got no answer."""

    answered: int = 0
    times: list[float] = field(default_factory=list)
    """When each answer came, in seconds of the clock."""
    at_last: bool = False
    """Whether the last request had an answer."""
    failed: list[tuple[float, str]] = field(default_factory=list)
    longest: float = 0.0
    """Seconds of the longest time without an answer."""
    opened: int = 0
    """How often a client that follows a stream had to open it."""

    def answers(self, begin: float, end: float) -> int:
        """Count the answers between two moments of the clock."""
        return sum(begin <= time <= end for time in self.times)


def moment(events: Path, node: str, step: str, status: str) -> float:
    """Return when an event came: the last one of a node's step that begins with these words."""
    found = [
        datetime.fromisoformat(one["time"]).timestamp()
        for one in map(json.loads, events.read_text(encoding="utf-8").splitlines())
        if (one.get("node"), one.get("status")) == (node, status) and one.get("step", "").startswith(step)
    ]
    assert found, f"{node}: {step} was never {status}"
    return found[-1]


class _Connection(http.client.HTTPSConnection):
    """One whose certificate has a name that is not the host's, as `tls-server-name` of a kubeconfig says."""

    def __init__(self, host: str, port: int | None, name: str, patience: float, tls: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=patience, context=tls)
        self._name, self._tls = name, tls

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)


class _Client:
    """The admin of a kubeconfig, by hand: one connection for each request, as a new client would make it."""

    def __init__(self, kubeconfig: Path, folder: Path, patience: float) -> None:
        self._patience = patience
        content = YAML(typ="safe", pure=True).load(kubeconfig.read_text("utf-8"))
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        self._url = urlsplit(cluster["server"])
        self._name = str(cluster.get("tls-server-name", self._url.hostname))
        decode = base64.b64decode
        self._context = ssl.create_default_context(
            cadata=decode(cluster["certificate-authority-data"]).decode()
        )
        pair = folder / "probe.pem"
        pair.touch(mode=0o600)
        pair.write_bytes(decode(user["client-certificate-data"]) + decode(user["client-key-data"]))
        self._context.load_cert_chain(pair)

    def connect(self) -> http.client.HTTPSConnection:
        host = str(self._url.hostname)
        return _Connection(host, self._url.port, self._name, self._patience, self._context)

    def ask(self, verb: str, path: str, body: object = None, form: str = "application/json") -> str:
        there = self.connect()
        try:
            text = None if body is None else json.dumps(body)
            there.request(verb, path, text, {"Content-Type": form})
            answer = there.getresponse()
            said = answer.read().decode()
            if answer.status >= 300:
                raise OSError(f"{answer.status} {said[:80]}")
            return said
        finally:
            there.close()

    def follow(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the events of a stream until the server ends it."""
        there = self.connect()
        try:
            there.request("GET", path)
            answer = there.getresponse()
            if answer.status >= 300:
                raise OSError(f"{answer.status} {answer.read().decode()[:80]}")
            while line := answer.readline():
                yield json.loads(line)
        finally:
            there.close()


class _Loop:
    """Does something again and again in a thread until `end`, and keeps the record."""

    def __init__(self, once: Callable[[_Loop], None]) -> None:
        self.probe, self._once, self.ended = Probe(), once, threading.Event()
        self._begun = self._last = time.monotonic()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def answered(self) -> None:
        """Note an answer."""
        probe, now = self.probe, time.monotonic()
        probe.answered += 1
        probe.at_last = True
        probe.times.append(time.time())
        probe.longest = max(probe.longest, now - self._last)
        self._last = now

    def _work(self) -> None:
        while not self.ended.is_set():
            try:
                self._once(self)
            except (OSError, http.client.HTTPException) as error:
                self.probe.at_last = False
                at = round(time.monotonic() - self._begun, 1)
                self.probe.failed.append((at, str(error) or type(error).__name__))
            self.ended.wait(_EVERY)

    def end(self) -> None:
        """Let the thread end, which finishes what it does."""
        self.ended.set()
        self._thread.join()
        self.probe.longest = max(self.probe.longest, time.monotonic() - self._last)


@contextmanager
def _looping(once: Callable[[_Loop], None]) -> Iterator[Probe]:
    loop = _Loop(once)
    try:
        yield loop.probe
    finally:
        loop.end()


@contextmanager
def probing(kubeconfig: Path, folder: Path, patience: float = _PATIENCE) -> Iterator[Probe]:
    """Write a number into a ConfigMap and read it again, several times a second, for the `with`."""
    client = _Client(kubeconfig, folder, patience)

    def once(loop: _Loop) -> None:
        number = str(loop.probe.answered + 1)
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}, "data": {"n": number}}
        query = f"{_MAPS}/{NAME}?fieldManager=probe&force=true"
        client.ask("PATCH", query, body, "application/apply-patch+yaml")
        found = json.loads(client.ask("GET", f"{_MAPS}/{NAME}"))["data"]["n"]
        if found != number:
            raise OSError(f"wrote {number}, read {found}")
        loop.answered()

    with _looping(once) as probe:
        yield probe


@contextmanager
def watching(kubeconfig: Path, folder: Path, patience: float = _PATIENCE) -> Iterator[Probe]:
    """Follow what `probing` writes at the same time: one long request, opened again where it ends."""
    client, version = _Client(kubeconfig, folder, patience), "0"

    def once(loop: _Loop) -> None:
        nonlocal version
        loop.probe.opened += 1
        query = f"{_MAPS}?watch=true&fieldSelector=metadata.name={NAME}&resourceVersion={version}"
        for event in client.follow(query):
            if event["type"] == "ERROR":
                version = "0"
                raise OSError(str(event["object"].get("message")))
            version = event["object"]["metadata"]["resourceVersion"]
            loop.answered()
            if loop.ended.is_set():
                return

    with _looping(once) as probe:
        yield probe


@contextmanager
def visiting(address: str, patience: float = _PATIENCE) -> Iterator[Probe]:
    """Fetch a page with a new connection, several times a second."""

    def once(loop: _Loop) -> None:
        with urllib.request.urlopen(f"http://{address}/", timeout=patience) as answer:
            answer.read()
        loop.answered()

    with _looping(once) as probe:
        yield probe
