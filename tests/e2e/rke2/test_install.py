"""Three servers and an agent of RKE2: what is where, and an apply with nothing to do."""

from __future__ import annotations

import json

import pytest

from tests.e2e.crash import Living
from tests.e2e.lab import Lab, voters, wait_for
from tests.e2e.rke2.names import AGENT, NODES, OLD, S2, SERVERS
from tests.e2e.rke2.places import passwords, placed

pytestmark = [pytest.mark.full]
VERSION = OLD


def test_the_first_apply_was_killed_and_healed(cluster: Lab, living: Living) -> None:
    assert (cluster.folder / "killed.came").read_text() == "True"
    assert cluster.ready_nodes() == NODES
    assert cluster.versions() == dict.fromkeys(NODES, OLD)
    wait_for("three voters", lambda: voters(cluster) == 3)
    assert living.authority()
    cluster.nothing_to_do()


def test_everything_is_where_rke2_has_it(cluster: Lab) -> None:
    placed(cluster, OLD, SERVERS, AGENT)
    assert cluster.on_node(S2, "cat /etc/rancher/rke2/config.yaml.d/50-kbootstrap-join.yaml").endswith(
        ":9345"
    )


def test_nodes_have_passwords_under_rke2s_name(cluster: Lab) -> None:
    assert passwords(cluster) == NODES


def test_status_sees_all_of_it(cluster: Lab) -> None:
    wait_for("all is well", lambda: cluster.run("status", "spec.yaml", code=None).returncode == 0)
    shown = json.loads(cluster.run("status", "-o", "json", "spec.yaml").stdout)
    assert OLD in json.dumps(shown)
    assert all(name in json.dumps(shown) for name in SERVERS)
