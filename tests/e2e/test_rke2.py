"""A server and an agent of RKE2 (`rke2/release.py`): installed, seen, and left alone by a second apply.

Their whole life, with three servers, is in `rke2/` and runs in `make test-full`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.lab import Lab, destroyed_after, new_lab, wait_for
from tests.e2e.rke2.names import NEW, RELEASE, versions
from tests.e2e.rke2.places import passwords, placed
from tests.e2e.specs import NETWORK

C = "e2estand"
SERVER, AGENT = f"{C}-control-plane-1", f"{C}-default-1"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, tool: str) -> Iterator[Lab]:
    lab = new_lab(tmp_path_factory, "one-and-one", tool)
    lab.spec(f"""\
apiVersion: kbootstrap/v1alpha1
name: e2e
clusters:
  {C}:
    provider: {{local: {{}}}}
    kubernetes: {RELEASE.kubernetes(NEW)}
    artifacts: {{mirror: "{RELEASE.mirror()}"}}
    network: {NETWORK}
    control_plane: {{nodes: 1}}
    pools:
      - {{name: default, nodes: 1}}
""")
    with destroyed_after(lab, "e2e", C):
        lab.run("apply", "-y", "spec.yaml")
        yield lab


def test_everything_is_where_rke2_has_it(cluster: Lab) -> None:
    assert cluster.ready_nodes() == {SERVER, AGENT}
    assert versions(cluster) == dict.fromkeys((SERVER, AGENT), NEW)
    placed(cluster, NEW, [SERVER], AGENT)
    assert passwords(cluster) == {SERVER, AGENT}


def test_status_sees_it_and_a_second_apply_does_nothing(cluster: Lab) -> None:
    wait_for("all is well", lambda: cluster.run("status", "spec.yaml", code=None).returncode == 0)
    shown = cluster.run("status", "-o", "json", "spec.yaml").stdout
    assert {node["version"] for one in json.loads(shown)["clusters"] for node in one["nodes"]} == {NEW}
    cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
