"""One cluster on a real OpenStack, from its creation to its end: volumes of agents, and elastic machines.

A client plays Cluster Autoscaler. With `--full`, both first run as pods; then the server runs on this
machine, as started by hand, and reaches the machines through the first server. kbootstrap has the user's
password: a restricted credential could make none for the pods.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.autoscaler import Scaler, scaler
from tests.e2e.cloud_data.names import CLUSTER, DATA, MOUNT, SPEC
from tests.e2e.lab import program
from tests.e2e.stack import Stack, healed, stack


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A project and a spec; nothing is made yet. At the end nothing is left, and no volume."""
    with stack(tmp_path_factory.mktemp("data"), "data", password=True) as made:
        made.lab.extra["KBOOTSTRAP_TOFU"] = str(program("tofu"))
        made.spec(SPEC)
        try:
            yield made
        finally:
            if not made.destroyed:
                made.destroy()
            assert made.volumes() == set()


@pytest.fixture(scope="package")
def made(project: Stack) -> Stack:
    """The cluster, applied where the test of its creation failed or was left out; each volume has its node's
    name.
    """
    if project.hurt or not project.servers():
        project.apply()
    project.choose(CLUSTER)
    for name in DATA:
        project.on_node(name, f"echo {name} | sudo tee {MOUNT}/text")
    project.hurt = False
    return project


@pytest.fixture
def cluster(made: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    yield from healed(made, request.session)


@pytest.fixture(scope="package")
def server(made: Stack) -> Iterator[Scaler]:
    """The server of the autoscaler, which runs until the cluster is destroyed."""
    with scaler(made.lab, CLUSTER) as found:
        yield found
