"""One server and one agent with snapshots, whose first apply was cut twice.

They are harmed and mended, tokens are rotated, and the cluster is lost and restored.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.e2e.bucket import bucket
from tests.e2e.crash import Boundary, Living, crash, follow
from tests.e2e.lab import SHORT, Lab, begin, leftovers, new_lab
from tests.e2e.one_server.names import AGENT, PORT, SECRETS, SERVER, C, spec

CREATES = Boundary(f'create module.pool_default.terraform_data.node["{AGENT}"]', "started", AGENT)


@pytest.fixture(scope="package")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with bucket(tmp_path_factory.mktemp("s3")) as number:
        yield number


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory, tool: str, port: int) -> Iterator[Lab]:
    """The first apply gets Ctrl-C, the second `kill -9`, the third comes to its end."""
    lab = new_lab(tmp_path_factory, "one-server", tool)
    lab.extra |= SECRETS | {PORT: str(port)}
    lab.spec(spec(lab))
    command = ("apply", "-y", "-o", "json", "spec.yaml")
    try:
        process = lab.start(*command)
        came = follow(lab, process, CREATES, SHORT)
        process.send_signal(signal.SIGINT)
        process.wait(SHORT)
        (lab.folder / "interrupted.err").write_text((lab.folder / "started.err").read_text())
        (lab.folder / "interrupted.out").write_text((lab.folder / "started.out").read_text())
        (lab.folder / "interrupted.code").write_text(f"{process.returncode} {came}")
        killed = crash(lab, command, Boundary("start k3s.service", "done", SERVER), "kbootstrap", SERVER)
        (lab.folder / "killed.came").write_text(str(killed))
        lab.run("apply", "-y", "spec.yaml")
        yield lab
    finally:
        lab.spec(spec(lab))
        lab.run("destroy", "-y", "spec.yaml")
        assert leftovers("e2e", C) == []


@pytest.fixture(scope="module", autouse=True)
def chapter(request: pytest.FixtureRequest, cluster: Lab) -> None:
    """Begin each module with one server and one agent that are well."""
    begin(request, cluster, spec(cluster))


@pytest.fixture(scope="module")
def living(cluster: Lab) -> Living:
    """The cluster as one that crashes happen to."""
    return Living(cluster, C)
