"""The hosts of a measurement read what the real client sends."""

from __future__ import annotations

import pytest

from bench.scale import wire
from kbootstrap import distros
from kbootstrap.cluster.lock.lease import script as lease_script
from kbootstrap.cluster.observe.facts import script as facts_script
from kbootstrap.hosts import remote
from kbootstrap.hosts.frame import unframe
from kbootstrap.hosts.model import Output
from kbootstrap.hosts.output import Bounded

K3S = distros.find("k3s")


@pytest.mark.parametrize("sudo", [True, False])
def test_mark(sudo: bool) -> None:
    assert wire.mark_of(remote.wrap(mark="0a1b", deadline=5, sudo=sudo)) == "0a1b"
    assert wire.mark_of(remote.end("0a1b", sudo=sudo)) is None
    assert wire.mark_of("true") is None


@pytest.mark.parametrize("script", ["true", "printf 'a\\n\\t%s' \"ü!\"\necho done", facts_script(K3S)])
def test_script(script: str) -> None:
    assert wire.script_of(remote.feed(script)) == script.rstrip()


@pytest.mark.parametrize("path", ["/usr/local/bin/k3s", "/etc/a file's"])
def test_received_file(path: str) -> None:
    for size in (7, 9_000_000):
        script = remote.receive(path, size=size, mode=0o600)
        assert wire.received(wire.script_of(remote.feed(script))) == wire.File(path, size)
    assert wire.received("cat /etc/hosts") is None


def test_kinds() -> None:
    assert wire.kind(facts_script(K3S)) == "facts"
    assert wire.kind(lease_script("keep", "0a")) == "lease"
    assert wire.kind(remote.receive("/etc/one", size=1, mode=0o600)) == "put /etc/one"
    assert wire.kind("systemctl daemon-reload") == "systemctl daemon-reload"


def test_output_is_framed_as_a_host_does() -> None:
    kept = Bounded()
    kept.add(wire.framed(Output(3, "one\ntwo\n", ""), "0a1b"))
    found = unframe(kept, Bounded(), mark="0a1b", status=0)
    assert (found.started, found.ended) == (True, True)
    assert (found.output.status, found.output.stdout) == (3, "one\ntwo\n")
