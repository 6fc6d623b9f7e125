"""A client of a cluster that writes and reads all the time, and notes when it could not."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from ruamel.yaml import YAML

_EVERY = 0.25
_PATIENCE = 60.0
"""Seconds between two writes, and until one counts as failed: slowness is none."""
NAME = "probe"


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


class _Client:
    """The admin of a kubeconfig, by hand: one connection for each request, as a new client would make it."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        content = YAML(typ="safe", pure=True).load(kubeconfig.read_text("utf-8"))
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        self._url = urlsplit(cluster["server"])
        decode = base64.b64decode
        self._context = ssl.create_default_context(
            cadata=decode(cluster["certificate-authority-data"]).decode()
        )
        pair = folder / "probe.pem"
        pair.touch(mode=0o600)
        pair.write_bytes(decode(user["client-certificate-data"]) + decode(user["client-key-data"]))
        self._context.load_cert_chain(pair)

    def ask(self, verb: str, path: str, body: object = None, form: str = "application/json") -> str:
        there = http.client.HTTPSConnection(
            str(self._url.hostname), self._url.port, timeout=_PATIENCE, context=self._context
        )
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


@contextmanager
def probing(kubeconfig: Path, folder: Path) -> Iterator[Probe]:
    """Write a number into a ConfigMap and read it again, several times a second, for the `with`."""
    client, probe, ended = _Client(kubeconfig, folder), Probe(), threading.Event()
    path = "/api/v1/namespaces/default/configmaps"

    def once(number: int) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME},
            "data": {"n": str(number)},
        }
        client.ask(
            "PATCH", f"{path}/{NAME}?fieldManager=probe&force=true", body, "application/apply-patch+yaml"
        )
        found = json.loads(client.ask("GET", f"{path}/{NAME}"))["data"]["n"]
        if found != str(number):
            raise OSError(f"wrote {number}, read {found}")

    def work() -> None:
        begun = last = time.monotonic()
        while not ended.is_set():
            try:
                once(probe.answered + 1)
                probe.answered += 1
            except (OSError, http.client.HTTPException) as error:
                probe.at_last = False
                probe.failed.append((round(time.monotonic() - begun, 1), str(error) or type(error).__name__))
            else:
                probe.at_last = True
                probe.times.append(time.time())
                probe.longest = max(probe.longest, time.monotonic() - last)
                last = time.monotonic()
            ended.wait(_EVERY)
        probe.longest = max(probe.longest, time.monotonic() - last)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield probe
    finally:
        ended.set()
        thread.join()
