"""A cluster that lives: three servers and two agents of the older version, with a workload and some data."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.day_two.names import OLD, SHOP, C, spec
from tests.e2e.lab import LONG, Lab, begin, destroyed_after, new_lab


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory, tool: str) -> Iterator[Lab]:
    """The cluster; at the end nothing may be left of it."""
    lab = new_lab(tmp_path_factory, "day-two", tool)
    lab.spec(spec(OLD))
    with destroyed_after(lab, "e2e", C):
        # Where no release server is, the older version is built now.
        lab.run("apply", "-y", "spec.yaml", timeout=2 * LONG)
        lab.kubectl("create", "configmap", "kept", "--from-literal=since=the-beginning")
        lab.kubectl("apply", "-f", "-", stdin=SHOP)
        lab.kubectl("rollout", "status", "deploy/shop", "--timeout=300s", timeout=310)
        yield lab


@pytest.fixture(scope="module", autouse=True)
def chapter(request: pytest.FixtureRequest, cluster: Lab) -> None:
    """Begin each module with its spec."""
    begin(request, cluster, request.module.SPEC)
