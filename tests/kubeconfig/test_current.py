"""The current context does not depend on which cluster is ready first."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from kbootstrap.core.errors import Locked
from kbootstrap.kubeconfig.current import CurrentContext
from kbootstrap.kubeconfig.merge import merge_into
from kbootstrap.kubeconfig.read import read

from .conftest import ADMIN, OTHERS, SERVER

NAMES = ("a", "b", "c")


def ready(current: CurrentContext, path: Path, name: str, *, switch: bool) -> None:
    with current.turn(name, [path], switch=switch) as becomes:
        merge_into([path], ADMIN, name, SERVER, switch=becomes)


@pytest.mark.parametrize("order", [*permutations(NAMES)])
@pytest.mark.parametrize(
    ("before", "switching", "chosen"),
    [
        (OTHERS, (), "work"),
        (OTHERS, ("b", "c"), "b"),
        (OTHERS, NAMES, "a"),
        (None, (), "a"),
        (None, ("c",), "c"),
        (None, ("b", "c"), "b"),
    ],
)
def test_the_first_of_the_spec(
    tmp_path: Path, order: tuple[str, ...], before: str | None, switching: tuple[str, ...], chosen: str
) -> None:
    path = tmp_path / "config"
    if before:
        path.write_text(before)
    current = CurrentContext(NAMES)
    for name in order:
        ready(current, path, name, switch=name in switching)
    assert read(path).current_context == chosen


def test_a_cluster_that_fails_leaves_it_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "config"
    current = CurrentContext(NAMES)
    with pytest.raises(Locked), current.turn("a", [path], switch=True):
        raise Locked("the kubeconfig is locked")
    ready(current, path, "c", switch=True)
    assert read(path).current_context == "c", "until an earlier one is ready"
    ready(current, path, "b", switch=True)
    assert read(path).current_context == "b"
