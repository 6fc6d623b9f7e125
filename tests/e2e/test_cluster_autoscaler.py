"""Cluster Autoscaler's release decides, the real scheduler places pods: tests/acceptance/autoscaler.md.

Runs when KBOOTSTRAP_TEST_CLUSTER_AUTOSCALER names the program. Its releases are images, which the suite does
not reach; there `test_autoscaler.py` runs the same with a stand-in.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from tests.e2e.autoscaler import scaler
from tests.e2e.lab import Lab, destroyed_after, need, new_lab
from tests.e2e.released import VARIABLE, binary, cluster_autoscaler, version
from tests.e2e.scaling import CORES, POOL, PRICES, SIZES, Scaling, scaling
from tests.e2e.specs import local_spec

pytestmark = [
    pytest.mark.ordered,
    pytest.mark.timeout(6000),
    pytest.mark.skipif(not binary(), reason=f"{VARIABLE} names no program of Cluster Autoscaler's releases"),
]
C = "e2ereal"
STATIC = {f"{C}-control-plane-1", f"{C}-base-1"}
BASE = "      - {name: base, autoscaling: {min: 1, max: 2}}\n"


def spec(prices: str = PRICES) -> str:
    return local_spec(C, pools=BASE + POOL, provider=SIZES, more=prices)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, tool: str) -> Iterator[Lab]:
    need((os.cpu_count() or 1) >= CORES, f"{CORES} processors")
    lab = new_lab(tmp_path_factory, "real", tool)
    lab.spec(spec())
    with destroyed_after(lab, "e2e", C):
        lab.run("apply", "-y", "spec.yaml")
        yield lab


@pytest.fixture(scope="module")
def load(cluster: Lab) -> Iterator[Scaling]:
    """The cluster with the server and Cluster Autoscaler."""
    with (
        scaler(cluster, C) as server,
        cluster_autoscaler(server) as log,
        scaling(cluster, server, C, STATIC) as made,
    ):
        print(f"Cluster Autoscaler {version(log)}")  # noqa: T201 - pytest shows it
        yield made


def test_from_zero_to_the_maximum(load: Scaling) -> None:
    load.from_zero_to_most()


def test_down_to_zero(load: Scaling) -> None:
    load.to_one_and_to_zero()


def test_two_flavors(load: Scaling) -> None:
    load.two_flavors()


def test_two_flavors_without_prices(cluster: Lab, load: Scaling) -> None:
    """Sizes take the place of prices: groups without a price would never grow."""
    cluster.spec(spec(prices=""))
    load.two_flavors()


def test_nothing_of_it_is_a_difference(cluster: Lab, load: Scaling) -> None:
    """Neither marks of Cluster Autoscaler at the nodes, nor its ConfigMap."""
    status = json.loads(
        cluster.kubectl("-n", "kube-system", "get", "configmap", "cluster-autoscaler-status", "-o", "json")
    )
    assert "Healthy" in status["data"]["status"]
    done = cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
    assert "nothing to do" in done.stderr.lower()
    load.assert_bounds()
