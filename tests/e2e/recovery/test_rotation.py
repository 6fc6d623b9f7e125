"""A rotation of tokens is killed, and servers restart in the middle of it."""

from __future__ import annotations

from functools import partial

import pytest

from tests.e2e.lab import Lab, voters, wait_for
from tests.e2e.recovery.names import SERVERS
from tests.e2e.tokens import TOKEN, rotate_killed

pytestmark = [pytest.mark.full]


def refused(lab: Lab, server: str) -> bool:
    """Return whether a server said that the token of before is good no more, in either way."""
    journal = lab.on_node(server, "journalctl -u k3s -n 400")
    return "encrypted with different token" in journal or "newer than datastore" in journal


def test_a_server_restarts_in_the_middle(cluster: Lab) -> None:
    """Two of three restart with the token of before and fail, and etcd has no quorum."""
    lab, path = cluster, "spec.yaml"
    rotate_killed(lab, "activate the new tokens")
    for name in SERVERS[1:]:
        lab.on_node(name, "systemctl restart --no-block k3s")
    # At first the first server still lets them in with the old token: then each writes it into its
    # password file again, which is then newer than the cluster's. Later they are not let in.
    for name in SERVERS[1:]:
        wait_for(f"{name} to fail", partial(refused, lab, name))
    lab.run("rotate", "tokens", "-y", path)
    assert len({lab.on_node(name, f"sha256sum < {TOKEN}") for name in SERVERS}) <= 2
    wait_for("three voters", lambda: voters(lab) == 3)
    # The first server failed while there was no quorum, so it counts as crash-looping for a minute.
    lab.run("apply", "-y", path)
    lab.nothing_to_do()
    # Three servers that have just started may elect once more: then nothing is begun, and that is said.
    again = []

    def begun() -> bool:
        again.append(lab.run("rotate", "tokens", "-y", path, code=None))
        return again[-1].returncode != 5

    wait_for("a rotation to begin", begun)
    assert all("KB0888" in refused.stderr for refused in again[:-1])
    assert again[-1].returncode == 0, again[-1].stderr
    assert len(lab.ready_nodes()) == 4
    lab.nothing_to_do()
