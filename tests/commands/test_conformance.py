"""`conformance` over several clusters: the nodes that are audited, failures, and nodes that do not answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kbootstrap.checks.report import Outcome, Reports
from kbootstrap.commands import conformance as auditing
from kbootstrap.core.diagnostics import Severity
from kbootstrap.core.errors import HostUnreachable, KbootstrapError, PrerequisiteMissing, WrongUsage
from kbootstrap.core.redact import Redactor
from kbootstrap.distros import find
from kbootstrap.distros.additions import NOTHING
from kbootstrap.engine.context import Context
from kbootstrap.hosts import pool
from kbootstrap.hosts.pool import Reached
from kbootstrap.inventory.model import Machine, SshTarget
from tests.distros.samples import cluster, node
from tests.engine.clusters import context
from tests.hosts.fake import FakeHost, Handler, output

RUN = cast("Any", SimpleNamespace(redactor=Redactor()))
ANSWER = output("begin kbootstrap-audit-1\nsynchronized yes\nend kbootstrap-audit-1\n")


def machine(name: str) -> Machine:
    return Machine(name, "10.0.0.1", SshTarget(name, "10.0.0.1", 22, "root"), "i-1")


def made(name: str, absent: Mapping[str, KbootstrapError] | None = None, *, created: int = 2) -> Context:
    """Return a cluster of a server and an agent; `created` is the number of its machines."""
    names = (f"{name}-control-plane-1", f"{name}-web-1")
    nodes = (replace(node(), name=names[0]), replace(node(1, "agent"), name=names[1]))
    machines = {one: machine(one) for one in names[:created] if one not in (absent or {})}

    async def inventory(_: object, __: object, *, starting: bool) -> SimpleNamespace:
        assert not starting
        return SimpleNamespace(machines=machines, absent=dict(absent or {}))

    one = context(name, inventory=inventory)
    one.cluster.kubernetes = cluster().kubernetes  # type: ignore[misc]
    one.nodes, one.distribution, one.additions = nodes, find("k3s"), NOTHING  # type: ignore[misc]
    return one


Audit = Callable[..., Any]


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> Audit:
    """Audit clusters whose machines answer, except those that fail to connect."""

    async def run(
        every: Sequence[Context],
        names: Sequence[str] = (),
        failing: Mapping[str, KbootstrapError] | None = None,
        handler: Handler = lambda _: ANSWER,
    ) -> tuple[Reports, list[str]]:
        asked: list[str] = []
        failures = failing or {}

        @asynccontextmanager
        async def reach_all(
            _: object, machines: Sequence[Machine], *, deadline: float
        ) -> AsyncIterator[Reached]:
            assert deadline
            asked.extend(one.name for one in machines)
            hosts = {one.name: FakeHost(one.name, handler) for one in machines if one.name not in failures}
            yield Reached(cast("Any", hosts), {name: failures[name] for name in asked if name in failures})
            assert all(len(host.calls) == 1 for host in hosts.values()), "one round trip"

        async def outputs(one: Context) -> Mapping[str, Any]:
            if one.cluster.name in failures:
                raise failures[one.cluster.name]
            return {}

        loaded = SimpleNamespace(name="dev", clusters=())
        monkeypatch.setattr(auditing, "read_spec", lambda _: loaded)
        monkeypatch.setattr(auditing, "contexts", lambda *_, **_options: tuple(every))
        monkeypatch.setattr(auditing, "made_outputs", outputs)
        monkeypatch.setattr(auditing, "connector", lambda _: None)
        monkeypatch.setattr(pool, "reach_all", reach_all)
        found = await auditing.check_conformance(Path("spec.yaml"), names, RUN, Severity.ERROR)
        return found, asked

    return run


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        ([], ["a-control-plane-1", "a-web-1", "b-control-plane-1", "b-web-1"]),
        (["b"], ["b-control-plane-1", "b-web-1"]),
        (["a-web-1"], ["a-web-1"]),
        (["b-web-1", "a"], ["a-control-plane-1", "a-web-1", "b-web-1"]),
        (["a", "a-web-1"], ["a-control-plane-1", "a-web-1"]),
    ],
)
async def test_clusters_and_nodes_are_chosen(audit: Audit, names: list[str], asked: list[str]) -> None:
    found, reached = await audit([made("a"), made("b")], names)
    assert reached == asked
    assert {one.subject.name for report in found.clusters for one in report.results} == {*asked}
    assert (found.check, found.spec) == ("conformance", "dev")


async def test_other_names_are_refused(audit: Audit) -> None:
    with pytest.raises(WrongUsage, match="no cluster or node 'c'") as caught:
        await audit([made("a"), made("b")], ["a", "c"])
    assert caught.value.hint == "there are: a, a-control-plane-1, a-web-1, b, b-control-plane-1, b-web-1"


async def test_a_server_is_asked_more_than_an_agent(audit: Audit) -> None:
    found, _ = await audit([made("a")])
    [report] = found.clusters
    rules = {
        name: {one.rule.id for one in report.results if one.subject.name == name}
        for name in ("a-control-plane-1", "a-web-1")
    }
    assert rules["a-control-plane-1"] > rules["a-web-1"] >= {"4.2.1", "host-time"}
    assert [one.outcome for one in report.results if one.rule.id == "host-time"] == [Outcome.PASSED] * 2
    assert found.verdict is Outcome.UNKNOWN


async def test_nodes_that_do_not_answer_are_unknown(audit: Audit) -> None:
    gone = {"a-web-1": HostUnreachable("no route")}
    for every, failing in (([made("a")], gone), ([made("a", gone)], {})):
        found, _ = await audit(every, failing=failing)
        results = found.clusters[0].results
        [silent] = [one for one in results if one.subject.name == "a-web-1"]
        assert (silent.rule.id, silent.outcome, silent.found) == ("node", Outcome.UNKNOWN, "no route")
        assert found.failed == 0
    found, _ = await audit([made("a", created=1)])
    assert found.clusters[0].results[-1].found == "a-web-1 has not been created yet"


async def test_a_node_that_talks_nonsense_is_unknown(audit: Audit) -> None:
    found, _ = await audit([made("a")], handler=lambda run: output("?") if run.host == "a-web-1" else ANSWER)
    assert found.clusters[0].results[-1].found.startswith("a-web-1 does not answer as expected")


async def test_if_no_node_answers_the_failure_is_raised(audit: Audit) -> None:
    failing = {name: HostUnreachable("no route") for name in ("a-control-plane-1", "a-web-1")}
    with pytest.raises(HostUnreachable, match="no route"):
        await audit([made("a")], failing=failing)
    found, _ = await audit([made("a"), made("b")], failing=failing)
    assert [(one.cluster, one.failure) for one in found.clusters] == [("a", "no route"), ("b", "")]
    assert found.failed == HostUnreachable.exit_code


async def test_a_failure_of_one_cluster_does_not_hide_the_others(audit: Audit) -> None:
    found, _ = await audit([made("a"), made("b")], failing={"a": PrerequisiteMissing("not created")})
    assert [one.failure for one in found.clusters] == ["not created", ""]
