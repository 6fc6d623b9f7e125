"""Programs that the obtained artifacts do not bring are asked for before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from kbootstrap.artifacts import cache
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.core.errors import InstallFailed
from kbootstrap.engine.bundled_programs import bundled_programs
from kbootstrap.engine.context import Context
from kbootstrap.engine.observe import Nodes
from kbootstrap.engine.verify_programs import verify_programs
from tests.cluster.world import desired_cluster, facts, running
from tests.distros.samples import cluster

VENDOR = "https://releases.example.org"


def context(folder: Path) -> Context:
    """Return as much of a context as is asked for."""
    return cast("Context", SimpleNamespace(cluster=cluster(), runtime=SimpleNamespace(cache=folder)))


def keep(folder: Path, source: str) -> None:
    """Put a version into the cache."""
    files = folder / "files"
    files.mkdir()
    (files / "k3s").write_text("a program")
    cache.publish(files, cache.place(folder, "k3s", "v1.32.0+k3s1", "amd64"), source)


def nodes(*programs: str) -> Nodes:
    """Return two new machines with these programs, and their plan."""
    plan = desired_cluster(1, 1)
    seen = facts(plan, {"*": {"programs": programs}})
    return cast("Nodes", SimpleNamespace(desired=plan, facts=seen, plan=decide(plan, seen)))


@pytest.mark.parametrize(
    ("source", "found"), [(cache.BUILT, {"amd64": False}), (VENDOR, {"amd64": True}), (None, {})]
)
def test_what_the_cache_says(tmp_path: Path, source: str | None, found: dict[str, bool]) -> None:
    if source:
        keep(tmp_path, source)
    assert bundled_programs(context(tmp_path)) == found


def test_a_build_on_machines_without_iptables_is_refused(tmp_path: Path) -> None:
    keep(tmp_path, cache.BUILT)
    seen = nodes("ipset", "conntrack")
    assert not seen.plan.refused, "it could have been a release"
    with pytest.raises(InstallFailed) as caught:
        verify_programs(context(tmp_path), seen.desired, seen.plan, seen.facts)
    assert [problem.code for problem in caught.value.diagnostics] == ["KB0835"] * 2
    assert "install the package iptables" in caught.value.diagnostics[0].help


@pytest.mark.parametrize(
    ("source", "programs"), [(VENDOR, ()), (cache.BUILT, ("iptables", "ipset")), (None, ())]
)
def test_others_go_on(tmp_path: Path, source: str | None, programs: tuple[str, ...]) -> None:
    if source:
        keep(tmp_path, source)
    found = nodes(*programs)
    verify_programs(context(tmp_path), found.desired, found.plan, found.facts)


def test_machines_that_nothing_is_sent_to_are_not_asked(tmp_path: Path) -> None:
    keep(tmp_path, cache.BUILT)
    plan = desired_cluster(1, 0)
    name = plan.servers[0].name
    seen = {name: replace(running(plan, name), programs=frozenset())}
    ready = cast("Nodes", SimpleNamespace(desired=plan, facts=seen, plan=decide(plan, seen)))
    verify_programs(context(tmp_path), ready.desired, ready.plan, ready.facts)
