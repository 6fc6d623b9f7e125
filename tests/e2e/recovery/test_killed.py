"""`kill -9` of kbootstrap in the first apply of several servers. At random moments: `test_kill.py`."""

from __future__ import annotations

import pytest

from tests.e2e.crash import Living
from tests.e2e.lab import Lab, voters, wait_for
from tests.e2e.recovery.names import NODES, SERVERS, C

pytestmark = [pytest.mark.full]


def test_killed_while_the_second_server_starts(cluster: Lab) -> None:
    assert (cluster.folder / "killed.came").read_text() == "True"
    wait_for("three voters", lambda: voters(cluster) == 3)
    living = Living(cluster, C, servers=len(SERVERS))
    living.heal(NODES, authority=living.authority(), data=None)
