"""What the two cuts of the first apply said and left; `conftest.py` makes them."""

from __future__ import annotations

from tests.e2e.crash import Living
from tests.e2e.lab import Lab
from tests.e2e.one_server.names import AGENT, SERVER


def test_ctrl_c_ends_cleanly_and_the_next_run_continues(cluster: Lab) -> None:
    assert (cluster.folder / "interrupted.code").read_text() == "130 True"
    said = "".join((cluster.folder / f"interrupted.{end}").read_text() for end in ("out", "err"))
    assert "Traceback" not in said
    assert "interrupted" in said.lower()
    assert cluster.ready_nodes() == {SERVER, AGENT}


def test_killed_while_the_server_starts(cluster: Lab, living: Living) -> None:
    assert (cluster.folder / "killed.came").read_text() == "True"
    living.heal({SERVER, AGENT}, authority=None, data=None)
