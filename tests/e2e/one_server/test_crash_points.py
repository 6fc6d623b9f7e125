"""A sample of the crash matrix (`crash_matrix.py`); restores and upgrades: `test_both_distributions.py`."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.e2e.crash import Boundary, How, Living, crash
from tests.e2e.lab import Lab
from tests.e2e.one_server.names import AGENTS, SERVER, spec

W1, W2 = AGENTS[:2]
DATA = "the-beginning"
NODE = 'module.pool_default.terraform_data.node["{}"]'


@dataclass(frozen=True)
class Known:
    """The cluster with its data, and the authority that it must keep."""

    living: Living
    authority: str

    @property
    def lab(self) -> Lab:
        return self.living.lab

    def heal(self, agents: int) -> None:
        nodes = {SERVER, *AGENTS[:agents]}
        self.living.heal(nodes, authority=self.authority, data=DATA)


@pytest.fixture(scope="module")
def known(living: Living) -> Known:
    living.write(DATA)
    return Known(living, living.authority())


@pytest.mark.parametrize(
    ("how", "what", "status"),
    [
        ("kbootstrap", "delete the old Node object", "done"),
        pytest.param("machine", "start k3s-agent.service", "done", marks=pytest.mark.full),
        pytest.param("network", "cordon the node", "done", marks=pytest.mark.full),
    ],
)
def test_an_agent_is_replaced(known: Known, how: How, what: str, status: str) -> None:
    command = ("replace", "-y", "-o", "json", "spec.yaml", W1)
    assert crash(known.lab, command, Boundary(what, status, W1), how, W1)
    known.heal(1)


@pytest.mark.full
def test_an_agent_comes_and_goes(known: Known) -> None:
    command = ("apply", "-y", "-o", "json", "spec.yaml")
    known.lab.spec(spec(known.lab, 2))
    at = Boundary(f"create {NODE.format(W2)}", "done", W2)
    assert crash(known.lab, command, at, "kbootstrap", W2)
    known.heal(2)
    known.lab.spec(spec(known.lab, 1))
    assert crash(known.lab, command, Boundary("stop k3s-agent.service", "done", W2), "kbootstrap", W2)
    known.heal(1)
