"""Three servers and an agent of RKE2 (`release.py`), from a first apply that was killed to their end.

All modules are marked `full`: k3s has the same life in a usual run, and `test_both_distributions.py` has that
of one server.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e.bucket import KEYS, bucket
from tests.e2e.crash import Boundary, Living, crash
from tests.e2e.lab import LONG, Lab, begin, destroyed_after, new_lab
from tests.e2e.rke2.names import OLD, RELEASE, S2, C, spec


@pytest.fixture(scope="package")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A mirror with the release, and a bucket; both are named in the environment for the spec."""
    place = RELEASE.mirror()
    with bucket(tmp_path_factory.mktemp("s3")) as number, pytest.MonkeyPatch.context() as patch:
        patch.setenv("E2E_RKE2_MIRROR", place)
        patch.setenv("E2E_RKE2_PORT", str(number))
        yield place


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory, tool: str, release: str) -> Iterator[Lab]:
    """The first apply is killed while the second server starts; the next one comes to its end."""
    assert release
    lab = new_lab(tmp_path_factory, "rke2", tool)
    lab.extra |= KEYS | {"E2E_PASS": "open-sesame", "E2E_PORT": os.environ["E2E_RKE2_PORT"]}
    lab.spec(spec(OLD))
    with destroyed_after(lab, "e2e", C):
        at = Boundary("start rke2-server.service", "started", S2)
        came = crash(lab, ("apply", "-y", "-o", "json", "spec.yaml"), at, "kbootstrap", S2, seconds=2 * LONG)
        (lab.folder / "killed.came").write_text(str(came))
        lab.run("apply", "-y", "spec.yaml", timeout=2 * LONG)
        yield lab


@pytest.fixture(scope="module", autouse=True)
def chapter(request: pytest.FixtureRequest, cluster: Lab) -> None:
    """Begin each module with a cluster that is well, of the version that the module begins with."""
    begin(request, cluster, spec(request.module.VERSION))


@pytest.fixture
def living(cluster: Lab) -> Living:
    return Living(cluster, C, servers=3, distribution="rke2")
