"""Three servers that come back: from a first apply that was killed, a snapshot, a rotation that failed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.bucket import KEYS, bucket
from tests.e2e.crash import Boundary, crash
from tests.e2e.lab import Lab, begin, destroyed_after, new_lab
from tests.e2e.recovery.names import SERVERS, C, spec


@pytest.fixture(scope="package")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with bucket(tmp_path_factory.mktemp("s3")) as number:
        yield number


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory, tool: str, port: int) -> Iterator[Lab]:
    """The first apply is killed while the second server starts; the next one comes to its end."""
    lab = new_lab(tmp_path_factory, "recovery", tool)
    lab.extra |= KEYS | {"E2E_PASS": "open-sesame"}
    lab.spec(spec(port))
    with destroyed_after(lab, "e2e", C):
        at = Boundary("start k3s.service", "started", SERVERS[1])
        came = crash(lab, ("apply", "-y", "-o", "json", "spec.yaml"), at, "kbootstrap", SERVERS[1])
        (lab.folder / "killed.came").write_text(str(came))
        lab.run("apply", "-y", "spec.yaml")
        yield lab


@pytest.fixture(scope="module", autouse=True)
def chapter(request: pytest.FixtureRequest, cluster: Lab, port: int) -> None:
    """Begin each module with a cluster that is well."""
    begin(request, cluster, spec(port))
