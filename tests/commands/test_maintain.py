"""`maintain` inside and outside of windows: what is refused, what is left out, what is shown and asked."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import jsonschema
import pytest

from kbootstrap.cluster.decide.maintenance import NodeWork
from kbootstrap.cluster.steps.membership import Uncordon
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.cluster.steps.service import RestartService
from kbootstrap.commands import maintain as maintaining
from kbootstrap.commands.maintain import maintain
from kbootstrap.core import resources
from kbootstrap.core.errors import Declined, InstallFailed, PrerequisiteMissing, WrongUsage
from kbootstrap.engine.maintenance import ClusterMaintenance, Hours, NodeResult, settled
from kbootstrap.spec.load import load
from kbootstrap.spec.maintenance import Maintenance, MaintenanceWindow
from kbootstrap.views.maintenance import maintenance_json, show_maintenance
from tests.commands.test_clusters import RUN, Person, operator
from tests.engine.clusters import context

SATURDAY, MONDAY = datetime(2026, 11, 28, 2, 30, tzinfo=UTC), datetime(2026, 11, 30, 12, tzinfo=UTC)
NIGHT = MaintenanceWindow(("sat", "sun"), time(2), time(5), "UTC")
HOW = Maintenance(NIGHT, "security", "auto")
WORK = (
    NodeWork("a-1", "server", ("libssl3", "bash"), "now", ("linux-base",)),
    NodeWork("a-2", "agent", reboot="waits"),
    NodeWork("a-3", "agent"),
)
SPEC = """\
apiVersion: kbootstrap/v1alpha1
name: two
defaults:
  provider: {local: {}}
  kubernetes: {distribution: k3s, version: v1.32.0+k3s1}
  control_plane: {nodes: 1}
clusters:
  a: {maintenance: {window: {days: [sat, sun], from: "02:00", to: "05:00"}, reboot: auto}}
  b: {maintenance: {window: {days: [mon], from: "11:00", to: "13:00"}}}
  c: {}
"""


class Site:
    """Clusters whose machines wait for updates; what the command did with them."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, work: Sequence[NodeWork] = WORK
    ) -> None:
        self.spec, self.person, self.work = folder / "spec.yaml", Person(), tuple(work)
        self.spec.write_text(SPEC)
        self.planned: list[tuple[str, ...]] = []
        self.shown: list[Sequence[ClusterMaintenance]] = []
        self.carried: list[str] = []
        self.failing: dict[str, InstallFailed] = {}
        monkeypatch.setattr(maintaining, "planned", self._planned)
        monkeypatch.setattr(maintaining, "settled", lambda _: SimpleNamespace(plan=Plan("x", {})))
        monkeypatch.setattr(maintaining, "stop_all_refused", lambda _: None)
        monkeypatch.setattr(maintaining, "look_at", self._look)
        monkeypatch.setattr(maintaining, "_one", self._one)

    @asynccontextmanager
    async def _planned(self, *parts: Any, **_options: object) -> AsyncIterator[tuple[Any, ...]]:  # noqa: ANN401
        self.planned.append(parts[1])
        yield tuple(SimpleNamespace(context=context(name)) for name in parts[1])

    async def _look(self, plan: Any, _nodes: object, hours: Hours) -> ClusterMaintenance:  # noqa: ANN401
        return ClusterMaintenance(plan.context.cluster.name, HOW, hours, self.work)

    async def _one(self, plan: Any, *parts: Any) -> ClusterMaintenance:  # noqa: ANN401
        name = plan.context.cluster.name
        if name in self.failing:
            raise self.failing[name]
        self.carried.append(name)
        work = cast("ClusterMaintenance", parts[1])
        return replace(work, results=tuple(NodeResult(one.name) for one in self.work))

    async def run(self, *clusters: str, now: datetime = SATURDAY, yes: bool = True, **options: bool) -> None:
        chosen = {"anyhow": False, "dry_run": False, **options}
        await maintain(
            self.spec,
            clusters,
            RUN,
            operator(self.person),
            self.shown.append,
            yes=yes,
            drain=1,
            now=lambda: now,
            anyhow=chosen["anyhow"],
            dry_run=chosen["dry_run"],
        )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path, monkeypatch)


async def test_only_clusters_whose_window_is_open(site: Site) -> None:
    await site.run()
    assert (site.planned, site.carried) == ([("a",)], ["a"])
    assert "Cluster b is outside of its maintenance window" in site.person.notes[0]
    assert "Monday 2026-11-30 11:00 UTC" in site.person.notes[0]


async def test_outside_of_all_windows_it_is_refused(site: Site) -> None:
    with pytest.raises(Declined, match="outside of its maintenance window") as raised:
        await site.run("a", now=MONDAY)
    assert raised.value.code == "KB0867"
    assert "Saturday 2026-12-05 02:00 UTC" in str(raised.value.hint)
    assert site.planned == []


async def test_a_person_may_begin_at_once(site: Site) -> None:
    await site.run("a", now=MONDAY, anyhow=True)
    assert site.carried == ["a"]


async def test_a_dry_run_only_shows_at_any_time(site: Site) -> None:
    await site.run(now=MONDAY, dry_run=True, yes=False)
    assert site.planned == [("a", "b")]
    assert (len(site.shown), site.carried, site.person.notes) == (1, [], [])


async def test_it_asks_only_if_there_is_something_to_do(site: Site) -> None:
    await site.run("a", yes=False)
    assert site.person.notes == ["ask Carry this out on a? Type yes:"]
    site.work, site.person.notes = (NodeWork("a-1", "server"),), []
    await site.run("a", yes=False)
    assert site.person.notes == []


async def test_without_maintenance_in_the_spec(site: Site) -> None:
    with pytest.raises(WrongUsage, match="no `maintenance` for c"):
        await site.run("c")


async def test_a_failure_does_not_stop_the_other_clusters(site: Site) -> None:
    site.failing["a"] = InstallFailed("broken", code="KB0866")
    with pytest.raises(Exception, match="1 of 2 clusters failed: a"):
        await site.run(anyhow=True)
    assert site.carried == ["b"]


async def test_unknown_machines_are_a_failure_when_the_others_are_done(site: Site) -> None:
    site.work = (*WORK, NodeWork("a-4", "agent", unknown="it has no apt-get"))
    with pytest.raises(InstallFailed, match="unknown: a-4") as raised:
        await site.run("a")
    assert raised.value.code == "KB0848"
    assert site.carried == ["a"]


@pytest.mark.parametrize(
    ("steps", "good"),
    [
        ((), True),
        ((Uncordon(node="n", why=""),), True),
        ((RestartService(node="n", why="", unit="x"),), False),
    ],
)
def test_the_cluster_must_match_its_spec(steps: Any, good: bool) -> None:  # noqa: ANN401
    nodes = SimpleNamespace(plan=Plan("a", {"n": steps} if steps else {}))
    about = SimpleNamespace(cluster=SimpleNamespace(name="a"), spec=SimpleNamespace(path="s.yaml"))
    plan = SimpleNamespace(
        context=about, nodes=nodes, new=(), infrastructure=SimpleNamespace(empty=True), refusals=()
    )
    if good:
        assert cast("Any", settled(cast("Any", plan))) is nodes
        return
    with pytest.raises(PrerequisiteMissing) as raised:
        settled(cast("Any", plan))
    assert raised.value.code == "KB0869"
    assert raised.value.detail == "n: restart x"


def shown(found: ClusterMaintenance) -> str:
    stream = io.StringIO()
    show_maintenance([found], stream, {"NO_COLOR": "1"})
    return stream.getvalue()


def test_what_people_see() -> None:
    hours = Hours(NIGHT, now=lambda: SATURDAY)
    cluster = ClusterMaintenance("prod", HOW, hours, WORK)
    assert shown(cluster) == (
        "prod  sat, sun 02:00 to 05:00 UTC, open until Saturday 05:00 UTC\n"
        "  NODE  ROLE    TO DO\n"
        "  a-1   server  install 2 security updates (libssl3, bash), reboot (linux-base)\n"
        "  a-2   agent   waits for a reboot, and `reboot` is never\n"
        "  a-3   agent   nothing\n"
    )
    results = (
        NodeResult("a-1", 2, rebooted=True),
        NodeResult("a-2", waits=True),
        NodeResult("a-3", left=True),
    )
    after = shown(replace(cluster, results=results, hours=Hours(NIGHT, now=lambda: MONDAY)))
    assert "next on Saturday 2026-12-05 02:00 UTC" in after
    assert "a-1   server  2 security updates, rebooted" in after
    assert "a-2   agent   waits for a reboot" in after
    assert "a-3   agent   not begun: the window has ended" in after
    idle = replace(cluster, works=WORK[2:], how=replace(HOW, window=None))
    assert shown(idle).endswith("Nothing to do.\n")
    assert "at any time" in shown(idle)


def test_what_programs_get() -> None:
    schema = json.loads((resources.schemas() / "maintenance.json").read_text(encoding="utf-8"))
    cluster = ClusterMaintenance("prod", HOW, Hours(NIGHT, now=lambda: MONDAY), WORK)
    for results in (None, tuple(NodeResult(one.name) for one in WORK)):
        text = maintenance_json([replace(cluster, results=results)])
        assert "\n" not in text
        document = json.loads(text)
        jsonschema.validate(document, schema)
        assert document["clusters"][0]["next_window"] == "2026-12-05T02:00:00+00:00"


def test_the_spec(site: Site) -> None:
    loaded = load(site.spec)
    spec = loaded.spec
    assert spec is not None
    found = [cluster.maintenance for cluster in spec.clusters]
    assert found == [
        HOW,
        Maintenance(MaintenanceWindow(("mon",), time(11), time(13), "UTC"), "security", "never"),
        None,
    ]
