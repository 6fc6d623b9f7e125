"""The wait for joining nodes, in a real shell with another program for k3s."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.cluster.converge.supervisor import await_supervisor, joins_through
from kbootstrap.distros.k3s import K3s
from kbootstrap.hosts.fake import FakeHost, Run, output
from kbootstrap.hosts.model import Output
from tests.cluster.converge.samples import S1

NOT_YET = "Error from server (ServiceUnavailable): runtime core not ready"
UNKNOWN = "Error from server (NotFound): the server could not find the requested resource"


@pytest.mark.parametrize(("says", "asked"), [(NOT_YET, 3), (UNKNOWN, 1), ("", 1)])
async def test_a_server_that_is_not_ready_is_asked_again(tmp_path: Path, says: str, asked: int) -> None:
    """Another refusal does not become better: an earlier version does not know the question."""
    log, program = tmp_path / "log", tmp_path / "k3s"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {log}\n'
        f"if [ $(wc -l < {log}) -lt 3 ] && [ -n '{says}' ]; then echo '{says}' >&2; exit 1; fi\n"
    )
    program.chmod(0o755)

    def shell(call: Run) -> Output:
        done = subprocess.run(["sh", "-c", call.command], capture_output=True, text=True, check=False)
        return output(done.stdout, status=done.returncode)

    distro: Any = K3s(paths=dataclasses.replace(K3s().paths, binary=str(program)))
    await await_supervisor(FakeHost(S1, shell), distro)
    calls = log.read_text().splitlines()
    assert len(calls) == asked
    assert calls[0].endswith("get --raw=/v1-k3s/readyz")


async def test_whether_nodes_can_join_is_asked_through_the_address_that_they_use() -> None:
    asked: list[str] = []

    def answer(call: Run) -> Output:
        asked.append(call.command)
        return output(status=0 if "https://10.0.0.10:6443" in call.command else 1)

    host = FakeHost(S1, answer)
    distro: Any = K3s()
    assert await joins_through(host, distro, "https://10.0.0.10:6443")
    assert not await joins_through(host, distro, "https://10.0.0.99:6443")
    assert all("get --raw=/v1-k3s/readyz" in one for one in asked)
