"""`plan`, `apply`, `destroy` and `status` with several clusters, without anything real behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kbootstrap.commands import apply as applying
from kbootstrap.commands import destroy as destroying
from kbootstrap.commands import plan as planning_command
from kbootstrap.commands import status as looking
from kbootstrap.core.errors import (
    ClustersFailed,
    Declined,
    HostUnreachable,
    InstallFailed,
    Locked,
    PrerequisiteMissing,
    SpecInvalid,
)
from kbootstrap.engine import changes, planning
from kbootstrap.engine.cluster_status import ClusterStatus
from kbootstrap.engine.context import Context
from kbootstrap.engine.operator import Operator
from kbootstrap.plans.model import PlanDocument
from tests.engine.clusters import context

SPEC = Path("spec.yaml")
RUN = cast("Any", None)


class Person:
    """An operator: notes what is shown, said and asked; the answer to a question may be no."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.notes: list[str] = []

    def begin(self) -> None:
        self.notes.append("begin")

    def say(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, problems: Sequence[object]) -> None:
        del problems

    def must_ask(self, without: str) -> None:
        del without

    def show_plan(self, plan: PlanDocument, *, empty: bool = True) -> None:
        del plan, empty
        self.notes.append("plan")

    def show_destroy_preview(self, cluster: str, what: object) -> None:
        self.notes.append(f"preview {cluster}: {what}")

    async def ask(self, question: str, *, wanted: str | None = None) -> None:
        self.notes.append(f"ask {wanted or question}")
        if self.refuses and self.refuses == wanted:
            raise Declined("the answer was no")


def operator(person: Person) -> Operator:
    return cast("Operator", person)


class Clusters:
    """Clusters, of which some fail; `late` are those that end last."""

    def __init__(self, names: str, failing: Mapping[str, Exception] | None = None, late: str = "") -> None:
        self.contexts = tuple(context(name, destroy_preview=self.preview) for name in names)
        self.failing = failing or {}
        self.late = late
        self.ended: list[str] = []

    @property
    def plans(self) -> tuple[Any, ...]:
        return tuple(
            SimpleNamespace(context=one, empty=False, infrastructure=None, unseen=None)
            for one in self.contexts
        )

    async def preview(self, name: str) -> str:
        return f"machines of {name}"

    async def work(self, one: Context) -> str:
        name = one.cluster.name
        await asyncio.sleep(0.03 if name in self.late else 0)
        if name in self.failing:
            raise self.failing[name]
        self.ended.append(name)
        return name

    def planned(self) -> Callable[..., Any]:
        @asynccontextmanager
        async def planned(*_: object, **_options: object) -> AsyncIterator[tuple[Any, ...]]:
            yield self.plans

        return planned


def document(plans: Sequence[Any]) -> Any:  # noqa: ANN401 - what the command uses of it
    cluster = [
        SimpleNamespace(cluster=plan.context.cluster.name, empty=False, servers_lost=()) for plan in plans
    ]
    return SimpleNamespace(clusters=cluster, empty=False)


@contextmanager
def unlocked(_: Context) -> Iterator[None]:
    yield


async def apply(monkeypatch: pytest.MonkeyPatch, clusters: Clusters, person: Person) -> applying.Applied:
    async def carry_out(plan: Any, *, drain: float) -> str:  # noqa: ANN401
        del drain
        return await clusters.work(plan.context)

    async def keep(_operator: object, _context: object, nodes: str) -> None:
        person.notes.append(f"tokens {nodes}")

    monkeypatch.setattr(applying, "planned", clusters.planned())
    monkeypatch.setattr(applying, "document", document)
    monkeypatch.setattr(applying, "stop_all_refused", lambda _: None)
    monkeypatch.setattr(applying, "apply_cluster", carry_out)
    monkeypatch.setattr(applying, "keep_snapshot_tokens", keep)
    return await applying.apply(SPEC, (), RUN, operator(person), yes=False, drain=1)


async def test_apply_asks_once_and_changes_all(monkeypatch: pytest.MonkeyPatch) -> None:
    clusters, person = Clusters("abc", late="a"), Person()
    done = await apply(monkeypatch, clusters, person)
    assert [plan.context.cluster.name for plan in done.plans] == ["a", "b", "c"]
    assert clusters.ended == ["b", "c", "a"], "none waits for another one"
    assert person.notes[:2] == ["plan", "ask Apply this to a, b, c? Type yes:"]
    assert sorted(person.notes[2:]) == [*["begin"] * 3, "tokens a", "tokens b", "tokens c"]


async def test_apply_completes_the_others_when_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    clusters, person = Clusters("abc", {"b": InstallFailed("no")}, late="ac"), Person()
    with pytest.raises(ClustersFailed) as caught:
        await apply(monkeypatch, clusters, person)
    assert [*caught.value.failures] == ["b"]
    assert caught.value.done == ("a", "c")
    assert caught.value.exit_code == 8
    assert "tokens b" not in person.notes


async def test_apply_reports_all_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = {"a": HostUnreachable("late"), "b": Locked("lost")}
    with pytest.raises(ClustersFailed) as caught:
        await apply(monkeypatch, Clusters("ab", failing, late="a"), Person())
    assert caught.value.failures == failing
    assert (caught.value.done, caught.value.exit_code) == ((), 7)


async def test_ctrl_c_stops_all_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    clusters = Clusters("abc", late="abc")
    run = asyncio.create_task(apply(monkeypatch, clusters, Person()))
    await asyncio.sleep(0.01)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert clusters.ended == []


async def plan_all(monkeypatch: pytest.MonkeyPatch, clusters: Clusters) -> tuple[str, ...]:
    """Plan with everything but the clusters' own plans; return the plans and that the locks were held."""
    held: list[str] = []

    @contextmanager
    def lock(one: Context) -> Iterator[None]:
        held.append(one.cluster.name)
        yield
        held.remove(one.cluster.name)

    async def pinned(chosen: Sequence[Context]) -> Sequence[Context]:
        return chosen

    async def one_plan(one: Context, *_: object, **_options: object) -> str:
        assert held == [other.cluster.name for other in clusters.contexts]
        return await clusters.work(one)

    for one in clusters.contexts:
        monkeypatch.setattr(one, "nodes", (), raising=False)
        monkeypatch.setattr(one, "lock", None, raising=False)
    monkeypatch.setattr(planning, "read_spec", lambda *_: None)
    monkeypatch.setattr(planning, "refuse_over_budget", lambda _: None)
    monkeypatch.setattr(planning, "choose", lambda *_: ())
    monkeypatch.setattr(planning, "contexts", lambda *_: clusters.contexts)
    monkeypatch.setattr(planning, "force_unlock", lambda *_: None)
    monkeypatch.setattr(planning, "locked", lock)
    monkeypatch.setattr(planning, "pin", pinned)
    monkeypatch.setattr(planning, "plan_cluster", one_plan)
    async with planning.planned(SPEC, (), RUN, operator(Person())) as plans:
        return cast("tuple[str, ...]", plans)


async def test_plans_have_the_order_of_the_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    clusters = Clusters("abc", late="a")
    assert await plan_all(monkeypatch, clusters) == ("a", "b", "c")
    assert clusters.ended == ["b", "c", "a"]


async def test_without_a_plan_of_each_cluster_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    clusters = Clusters("abc", {"b": PrerequisiteMissing("no engine")}, late="c")
    with pytest.raises(ClustersFailed) as caught:
        await plan_all(monkeypatch, clusters)
    assert (caught.value.done, caught.value.exit_code) == ((), 5)
    assert clusters.ended == ["a", "c"], "problems of the other clusters would be reported too"


async def test_plan_shows_all_and_reports_each_silent_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    clusters, shown = Clusters("abc"), list[object]()
    plans = clusters.plans
    for plan in plans[1:]:
        plan.unseen = HostUnreachable(f"{plan.context.cluster.name} does not answer")

    @asynccontextmanager
    async def planned(*_: object) -> AsyncIterator[tuple[Any, ...]]:
        yield plans

    monkeypatch.setattr(planning_command, "planned", planned)
    monkeypatch.setattr(planning_command, "document", document)
    monkeypatch.setattr(planning_command, "stop_all_refused", lambda _: None)
    monkeypatch.setattr(planning_command, "silent", lambda *_: True)
    with pytest.raises(ClustersFailed, match="2 of 3 clusters failed: b, c"):
        await planning_command.plan(SPEC, (), RUN, operator(Person()), show=shown.append)
    assert len(shown) == 1


def test_all_refused_plans_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = Clusters("abc").plans

    def refuse(plan: Any) -> None:  # noqa: ANN401
        if plan.context.cluster.name != "b":
            raise SpecInvalid(f"this change of cluster {plan.context.cluster.name} is refused")

    monkeypatch.setattr(changes, "stop_refused", refuse)
    with pytest.raises(ClustersFailed) as caught:
        changes.stop_all_refused(plans)
    assert [*caught.value.failures] == ["a", "c"]
    assert caught.value.exit_code == 3


async def destroy(
    monkeypatch: pytest.MonkeyPatch, clusters: Clusters, person: Person, *, yes: bool = False
) -> None:
    async def remove(one: Context, *_: object, beginning: Callable[[], None], **_options: object) -> Any:  # noqa: ANN401
        beginning()
        await clusters.work(one)
        return ("kept",) if one.cluster.name == "b" else ()

    monkeypatch.setattr(destroying, "read_spec", lambda _: None)
    monkeypatch.setattr(destroying, "choose", lambda *_: ())
    monkeypatch.setattr(destroying, "contexts", lambda *_, **_options: clusters.contexts)
    monkeypatch.setattr(destroying, "force_unlock", lambda *_: None)
    monkeypatch.setattr(destroying, "locked", unlocked)
    monkeypatch.setattr(destroying, "destroy_cluster", remove)
    await destroying.destroy(SPEC, (), RUN, operator(person), yes=yes, with_buckets=False)


async def test_destroy_asks_for_each_cluster_before_it_removes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    clusters, person = Clusters("abc", late="a"), Person()
    await destroy(monkeypatch, clusters, person)
    assert clusters.ended == ["b", "c", "a"]
    assert person.notes == [
        *(note for name in "abc" for note in (f"preview {name}: machines of {name}", f"ask {name}")),
        *["begin"] * 3,
        "Cluster a was removed.",
        "Cluster b was removed. These buckets stay: kept.",
        "Cluster c was removed.",
    ]


async def test_one_no_and_nothing_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    clusters, person = Clusters("abc"), Person(refuses="c")
    with pytest.raises(Declined):
        await destroy(monkeypatch, clusters, person)
    assert clusters.ended == []
    assert "begin" not in person.notes


async def test_destroy_removes_the_others_when_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    clusters, person = Clusters("abc", {"a": InstallFailed("no")}), Person()
    with pytest.raises(ClustersFailed) as caught:
        await destroy(monkeypatch, clusters, person, yes=True)
    assert caught.value.done == ("b", "c")
    assert not [note for note in person.notes if note.startswith("ask")]
    assert person.notes[-1] == "Cluster c was removed."


async def test_destroy_without_a_view_of_each_cluster_removes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    clusters, person = Clusters("ab"), Person()

    async def refused(_: object) -> str:
        raise PrerequisiteMissing("no engine")

    monkeypatch.setattr(clusters.contexts[1].provider, "destroy_preview", refused)
    with pytest.raises(ClustersFailed, match="1 of 2 clusters failed: b"):
        await destroy(monkeypatch, clusters, person, yes=True)
    assert (clusters.ended, person.notes) == ([], [])


async def test_status_shows_clusters_in_order_and_failures_in_their_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing = {"b": HostUnreachable("no route", hint="wait"), "c": PrerequisiteMissing("no engine")}
    clusters = Clusters("abc", failing, late="ab")

    async def look(one: Context) -> ClusterStatus:
        return ClusterStatus(await clusters.work(one), "cloud")

    monkeypatch.setattr(looking, "look", look)
    found = await looking.status(clusters.contexts)
    assert [(one.name, one.note) for one in found.clusters] == [
        ("a", ""),
        ("b", "no route - wait"),
        ("c", "no engine"),
    ]
    assert found.failed == 7, "that of the first cluster of the spec, though it failed last"
    with pytest.raises(HostUnreachable):
        await looking.status(clusters.contexts[1:2])
    assert (await looking.status(clusters.contexts[1:2], patient=True)).failed == 7
