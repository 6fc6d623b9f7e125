from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kbootstrap.core.events import Event
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts.known_hosts import KnownHosts
from kbootstrap.hosts.ssh import SshConnector
from tests.hosts import sshd as servers
from tests.hosts.sshd import Sshd

StartSshd = Callable[..., Sshd]


def _need_sshd() -> None:
    if servers.SSHD is None or os.getuid() != 0:
        why = "needs root and sshd (apt-get install openssh-server sudo)"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    _need_sshd()
    server = servers.start(tmp_path_factory.mktemp("sshd"))
    yield server
    server.stop()


@pytest.fixture
def isolated(sshd: Sshd) -> Sshd:
    if not sshd.isolated:
        pytest.skip("mount namespaces are refused here")
    return sshd


@pytest.fixture
def start_sshd(tmp_path: Path) -> Iterator[StartSshd]:
    """Start servers of a test's own; all are stopped in the end."""
    _need_sshd()
    running: list[Sshd] = []

    def start(name: str = "own", **options: object) -> Sshd:
        server = servers.start(tmp_path / name, **options)  # type: ignore[arg-type]
        running.append(server)
        return server

    yield start
    for server in running:
        if server.process.poll() is None:
            server.stop()


class Around:
    """A connector, and everything around it that a test may look at."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.events: list[Event] = []
        self.redactor = Redactor()
        self.pins = KnownHosts(folder / "run" / "known_hosts")
        self.connector = SshConnector(
            self.pins, self.redactor, self.events.append, cluster="c", env={"HOME": str(folder), **env}
        )

    def details(self, step: str) -> list[str]:
        return [event.detail or "" for event in self.events if event.step == step]


@pytest.fixture
def around(tmp_path: Path) -> Around:
    return Around(tmp_path)
