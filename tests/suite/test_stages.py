"""The stages of the suite (`.ci/stages`): each module of end-to-end tests runs in one of them, in order."""

from __future__ import annotations

import subprocess
from collections import Counter

from tests.e2e.conftest import HERE, ORDER
from tests.specs import CHECKOUT

STAGES = ("cloud", "clusters", "parts")
MODULES = {path.relative_to(HERE).as_posix() for path in HERE.rglob("test_*.py")}


def stages() -> dict[str, list[str]]:
    """Return the places of each stage, as `.ci/test` gives them to pytest."""
    script = f"source .ci/stages; for n in {' '.join(STAGES)}; do declare -n it=$n; echo $n ${{it[*]}}; done"
    said = subprocess.run(
        ["bash", "-euc", script], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout
    return {name: places for name, *places in map(str.split, said.splitlines())}


def test_each_module_is_in_one_stage() -> None:
    found = stages()
    assert [*found] == [*STAGES]
    assert all(found.values())
    at = Counter(
        path.relative_to(HERE).as_posix()
        for places in found.values()
        for place in places
        for path in ([CHECKOUT / place] if place.endswith(".py") else (CHECKOUT / place).glob("test_*.py"))
    )
    assert at == Counter(MODULES)


def test_stages_that_run_at_once_have_no_cluster_in_common() -> None:
    """A folder is one cluster: it runs in one process, so it is given as a whole."""
    for places in stages().values():
        assert len(places) == len({*places})
        assert all(place.endswith(".py") or (CHECKOUT / place / "conftest.py").is_file() for place in places)
        assert all(place.count("/") == 2 for place in places)


def test_modules_of_one_cluster_have_an_order() -> None:
    assert len({*ORDER}) == len(ORDER)
    assert {*ORDER} <= MODULES
    assert {name for name in MODULES if "/" in name} <= {*ORDER}
