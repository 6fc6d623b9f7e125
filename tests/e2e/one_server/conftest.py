"""One server and one agent with snapshots: tokens are rotated, and the cluster is lost and restored."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.bucket import bucket
from tests.e2e.lab import Lab, begin, destroyed_after, new_lab
from tests.e2e.one_server.names import SECRETS, C, spec


@pytest.fixture(scope="package")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with bucket(tmp_path_factory.mktemp("s3")) as number:
        yield number


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory, tool: str, port: int) -> Iterator[Lab]:
    """The cluster; at the end nothing may be left of it."""
    lab = new_lab(tmp_path_factory, "one-server", tool)
    lab.extra |= SECRETS | {"E2E_PORT": str(port)}
    lab.spec(spec(port))
    with destroyed_after(lab, "e2e", C):
        lab.run("apply", "-y", "spec.yaml")
        yield lab


@pytest.fixture(scope="module", autouse=True)
def chapter(request: pytest.FixtureRequest, cluster: Lab, port: int) -> None:
    """Begin each module with a cluster that is well, and without snapshots of before."""
    begin(request, cluster, spec(port))
