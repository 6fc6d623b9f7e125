"""Rotations: what each node needs at every moment of one, in which order, and what machines do."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kbootstrap.cluster.converge import node_actions, watch
from kbootstrap.cluster.converge import rotation as renewing
from kbootstrap.cluster.converge.tokens import NEXT, StagedTokens, Tokens
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.decide.rotation import begin, pending, renewal
from kbootstrap.cluster.observe.facts import parse, script
from kbootstrap.cluster.state.api_facts import ApiNode
from kbootstrap.cluster.state.certificates import Certificate
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.node_facts import NodeFacts, TokenMarks
from kbootstrap.cluster.state.unit import UnitState
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.redact import Redactor
from kbootstrap.distros import find
from tests.cluster.machines import AGENT_TOKEN, RAW_AGENT, SERVER_TOKEN, Machines, carry_out
from tests.cluster.world import CA, api, desired_cluster, running
from tests.hosts.fake import Answer, FakeHost, Put, Run, output

S1, S2, S3 = (f"local-control-plane-{i}" for i in (1, 2, 3))
A1, A2 = (f"local-default-{i}" for i in (1, 2))
K3S = find("k3s")
TOKEN, AGENT = K3S.paths.token, K3S.paths.agent_token
BEFORE = TokenMarks(own="old", agents="old-a", accepted="old")
LAID = replace(BEFORE, next="new", next_agents="new-a")
ACTIVE = replace(LAID, accepted="new")
DONE = TokenMarks(own="new", agents="new-a", accepted="new")
FAILING = UnitState("loaded", "activating", "auto-restart", enabled=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (node_actions, watch):
        monkeypatch.setattr(module, "POLL", 0.01)


def facts_of(desired: DesiredCluster, marks: Mapping[str, TokenMarks]) -> dict[str, NodeFacts]:
    """Nodes as a finished run leaves them, with these tokens; agents have the one of before."""
    return {
        node.name: replace(running(desired, node.name), tokens=marks.get(node.name, TokenMarks(own="old-a")))
        for node in desired.nodes
    }


def titles(plan: Plan) -> dict[str, list[str]]:
    return {name: [step.title for step in steps] for name, steps in plan.steps.items()}


def planned(desired: DesiredCluster, facts: Mapping[str, NodeFacts]) -> dict[str, list[str]]:
    return titles(decide(desired, facts, api(desired, {"*": {}})))


WRITE = [f"write {TOKEN}", f"write {AGENT}"]
RESTART = [
    "hand over to the other servers",
    "restart k3s.service",
    "wait for the API server and etcd",
    "wait until the node is Ready",
]
SERVER = [*WRITE, *RESTART, "retire the old tokens"]
AGENT_STEPS = [f"write {TOKEN}", "restart k3s-agent.service", "wait until the node is Ready"]
ACTIVATE = "activate the new tokens"


def test_the_first_server_activates_and_all_nodes_change() -> None:
    desired = desired_cluster(3, 1)
    facts = facts_of(desired, dict.fromkeys((S1, S2, S3), BEFORE))
    assert planned(desired, facts) == {}
    shown = begin(facts, (S1, S2, S3))
    assert pending(shown)
    assert not pending(facts)
    assert planned(desired, shown) == {S1: [ACTIVATE, *SERVER], S2: SERVER, S3: SERVER, A1: AGENT_STEPS}


@pytest.mark.parametrize(
    ("marks", "steps"),
    [
        pytest.param({S1: LAID, S2: BEFORE}, {S1: [ACTIVATE, *SERVER], S2: SERVER}, id="cut while laid"),
        pytest.param({S1: LAID, S2: LAID}, {S1: [ACTIVATE, *SERVER], S2: SERVER}, id="cut before"),
        pytest.param({S1: LAID, S2: ACTIVE}, {S1: SERVER, S2: [ACTIVATE, *SERVER]}, id="cut when active"),
        pytest.param(
            {S1: replace(DONE, next="new", next_agents="new-a"), S2: LAID},
            {S1: [ACTIVATE, "retire the old tokens"], S2: SERVER},
            id="cut before the old ones were put away",
        ),
        pytest.param({S1: DONE, S2: LAID}, {S2: SERVER}, id="cut between servers"),
    ],
)
def test_a_run_that_was_cut_is_gone_on_with(
    marks: dict[str, TokenMarks], steps: dict[str, list[str]]
) -> None:
    desired = desired_cluster(2, 1)
    facts = facts_of(desired, marks)
    assert begin(facts, (S1, S2)) == facts, "no other tokens are made"
    assert planned(desired, facts) == {**steps, A1: AGENT_STEPS}


def test_an_agent_that_was_away_gets_the_token_of_the_servers() -> None:
    desired = desired_cluster(1, 2)
    facts = facts_of(desired, {S1: DONE, A2: TokenMarks(own="new-a")})
    assert planned(desired, facts) == {A1: AGENT_STEPS}
    with_server_token = facts_of(desired, {S1: DONE, **dict.fromkeys((A1, A2), TokenMarks(own="new"))})
    assert planned(desired, with_server_token) == {}, "k3s lets agents join with the server token too"


def test_servers_that_fail_with_the_old_token_are_started_with_the_new_one() -> None:
    desired = desired_cluster(3, 0)
    facts = facts_of(desired, {S1: ACTIVE, S2: LAID, S3: LAID})
    facts = {name: replace(one, units={"k3s.service": FAILING}) for name, one in facts.items()}
    started = ["start k3s.service", *RESTART[2:]]
    steps = [*WRITE, *started, "retire the old tokens"]
    assert planned(desired, facts) == {S1: steps, S2: steps, S3: steps}
    written = TokenMarks(own="new", agents="new-a", accepted="new", next="new", next_agents="new-a")
    facts[S1] = replace(facts[S1], tokens=written, restart_pending=True)
    assert planned(desired, facts) == {S1: steps[2:], S2: steps, S3: steps}, "all of them at once"
    facts[S1] = replace(facts[S1], restart_pending=False)
    assert planned(desired, facts)[S1] == steps[2:], "a start is needed though its files are right"


async def test_an_activation_that_is_done_again_lays_nothing() -> None:
    """Others may be through by then: what they have put away must not lie there again."""
    found = await gone_on_with()
    assert f"activate {S1}" in found.log
    for host in found.hosts.values():
        assert not any(isinstance(call, Put) and call.destination == NEXT for call in host.calls)
        assert NEXT not in host.files


async def test_a_server_that_failed_since_activates_when_it_serves() -> None:
    """Without a majority the first server ended after it was looked at; its files are those of before."""
    found = await gone_on_with(S1)
    log = [line for line in found.log if line.split()[-1] == S1]
    assert log == [f"yield {S1}", f"restart {S1}", f"serving {S1}", f"activate {S1}", f"keep {S1}"]


async def test_what_a_failing_server_wrote_does_not_count_as_newer() -> None:
    found = await gone_on_with()
    passwords = "/var/lib/rancher/k3s/server/cred/passwd"
    stopped = f"systemctl stop k3s.service; touch --no-create --date=@1 {passwords}"
    commands = found.hosts[S2].commands
    started = next(i for i, command in enumerate(commands) if "systemctl start --no-block" in command)
    assert commands.index(stopped) < started
    assert stopped not in found.hosts[S1].commands, "one that runs has a right one"


def test_new_tokens_wait_until_every_server_runs() -> None:
    desired = desired_cluster(3, 0)
    facts = facts_of(desired, dict.fromkeys((S1, S2, S3), LAID))
    facts[S3] = replace(facts[S3], units={"k3s.service": UnitState("loaded", enabled=True)})
    assert planned(desired, facts) == {S3: ["start k3s.service", *RESTART[2:]]}


def test_a_server_that_was_joining_gets_the_new_token() -> None:
    desired = desired_cluster(2, 0)
    facts = facts_of(desired, {S1: DONE, S2: BEFORE})
    joining = replace(facts[S2], etcd=False, units={"k3s.service": UnitState("loaded")})
    assert planned(desired, {**facts, S2: joining})[S2][:2] == WRITE
    assert planned(desired, facts) == {}, "a member's token is left alone while none are rotated"


def staged() -> StagedTokens:
    return StagedTokens("5e" * 32, "a9" * 32, SERVER_TOKEN, RAW_AGENT)


def machines(desired: DesiredCluster, *, ended: frozenset[str] = frozenset()) -> Machines:
    """Machines that keep count of what is done to tokens; the service of those that `ended` does not run."""
    found = Machines(desired)

    def answer(call: Run) -> Answer:
        if call.command == f"cat {NEXT}":
            text = found.hosts[call.host].files.get(NEXT)
            return output(text.decode()) if text else output(status=1)
        if "is-active" in call.command:
            return output(status=3 if call.host in ended else 0)
        for word, what in (
            ("replace --raw", "activate"),
            ("certificate rotate", "renew"),
            ("^old-", "keep"),
            ("--date=@1", "yield"),
        ):
            if word in call.command:
                found.log.append(f"{what} {call.host}")
                if what == "keep":
                    found.hosts[call.host].files.pop(NEXT, None)
                return output()
        return found.answer(call)

    found.hosts = {node.name: FakeHost(node.name, answer) for node in desired.nodes}
    found.nodes = {n.name: ApiNode(n.name, ready=True, version=desired.version) for n in desired.nodes}
    return found


async def gone_on_with(*ended: str) -> Machines:
    """Go on with a rotation that the first server had activated when the others failed with the old token.

    The service of those that `ended` does not run any more either, which was not seen.
    """
    desired = desired_cluster(3, 0)
    found = machines(desired, ended=frozenset(ended))
    facts = facts_of(desired, {S1: ACTIVE, S2: LAID, S3: LAID})
    for name in (S2, S3):
        facts[name] = replace(facts[name], units={"k3s.service": FAILING})
    for host in found.hosts.values():
        host.files[NEXT] = staged().text().encode()
    await carry_out(found, decide(desired, facts, api(desired, {"*": {}})), {})
    return found


async def test_servers_go_one_after_the_other_and_agents_last() -> None:
    desired = desired_cluster(3, 1)
    found = machines(desired)
    facts = facts_of(desired, {S1: LAID, S2: LAID, S3: BEFORE})
    found.hosts[S1].files[NEXT] = found.hosts[S2].files[NEXT] = staged().text().encode()
    await carry_out(found, decide(desired, facts, api(desired, {"*": {}})), {})
    log = [line for line in found.log if line.split()[0] in {"activate", "restart", "serving", "keep"}]
    turn = [[f"restart {n}", f"serving {n}", f"keep {n}"] for n in (S1, S2, S3)]
    assert log == [f"activate {S1}", *turn[0], *turn[1], *turn[2], f"restart {A1}"]
    for name in (S1, S2, S3):
        assert found.hosts[name].files[TOKEN].decode() == f"K10{CA}::server:{'5e' * 32}"
        assert found.hosts[name].files[AGENT].decode() == "a9" * 32
    assert found.hosts[A1].files[TOKEN].decode() == f"K10{CA}::node:{'a9' * 32}"
    laid = next(c for c in found.hosts[S3].calls if isinstance(c, Put))
    assert (laid.destination, laid.content, laid.mode) == (NEXT, staged().text().encode(), 0o600)
    said = "\n".join(c for host in found.hosts.values() for c in host.commands)
    assert not re.search("5e5e5e|a9a9a9|5e11e7|a9e47a", said), "a token in a command"


async def test_a_server_that_refuses_changes_nothing_else() -> None:
    desired = desired_cluster(2, 1)
    found = machines(desired)

    def refuse(call: Run) -> Answer:
        if "replace --raw" in call.command:
            return output("etcd has no leader", status=1)
        return found.answer(call) if "next-tokens" not in call.command else output(staged().text())

    found.hosts[S1] = FakeHost(S1, refuse)
    plan = decide(desired, facts_of(desired, {S1: LAID, S2: LAID}), api(desired, {"*": {}}))
    with pytest.raises(InstallFailed) as caught:
        await carry_out(found, plan, {})
    assert caught.value.code == "KB0886"
    assert caught.value.detail == "etcd has no leader"
    assert not any("restart" in line for line in found.log)
    assert TOKEN not in found.hosts[S1].files


def test_certificates_one_node_after_the_other() -> None:
    desired = desired_cluster(1, 2)
    now = datetime(2026, 11, 26, tzinfo=UTC)
    facts = {
        name: replace(one, time=now, certificates=(Certificate("agent/x.crt", now + timedelta(days=days)),))
        for (name, one), days in zip(facts_of(desired, {}).items(), (20, 200, 364), strict=True)
    }
    renew = ["renew its certificates"]
    every = {S1: [*renew, *RESTART[1:]], **{name: [*renew, *AGENT_STEPS[1:]] for name in (A1, A2)}}
    assert titles(renewal(desired, facts, None, (S1,))) == every
    assert [*renewal(desired, facts, 90, (S1,)).steps] == [S1]
    assert renewal(desired, facts, 20, (S1,)).empty
    why = renewal(desired, facts, 90, (S1,)).steps[S1][0].why
    assert why == "agent/x.crt expires in 20 days (2026-12-16)"


def test_one_of_several_servers_hands_over_before_its_certificates_are_renewed() -> None:
    desired = desired_cluster(3, 0)
    found = titles(renewal(desired, facts_of(desired, {}), None, (S1, S2, S3)))
    assert found[S2] == [RESTART[0], "renew its certificates", *RESTART[1:]]


async def test_the_kubeconfig_is_read_after_certificates_were_renewed() -> None:
    desired = desired_cluster(1, 1)
    found = machines(desired)
    facts = facts_of(desired, {})

    def newer(call: Run) -> Answer:
        if call.command == f"cat {K3S.paths.kubeconfig}" and f"restart {S1}" in found.log:
            return output("new\n")
        if "certificate rotate" in call.command:
            found.log.append(f"renew {call.host}")
            return output()
        return found.answer(call)

    found.hosts[S1] = FakeHost(S1, newer)
    assert await carry_out(found, renewal(desired, facts, None, (S1,)), {}) == "new"
    log = [line for line in found.log if not line.startswith(("connect", "close"))]
    assert log == [f"renew {S1}", f"restart {S1}", f"serving {S1}", f"renew {A1}", f"restart {A1}"]


async def test_certificates_that_cannot_be_moved_away() -> None:
    host = FakeHost(A1, lambda _: output("no such file", status=1))
    with pytest.raises(InstallFailed) as caught:
        await renewing.remove_certificates(host, "k3s-agent.service", K3S)
    assert (caught.value.code, caught.value.detail) == ("KB0887", "no such file")


def test_new_tokens_are_random_and_known_to_the_redactor() -> None:
    redactor = Redactor()
    one, other = (StagedTokens.make(SERVER_TOKEN, RAW_AGENT, redactor) for _ in range(2))
    assert len({one.server, one.agent, other.server, other.agent}) == 4
    assert StagedTokens.read(one.text(), Redactor()) == one
    for secret in (one.server, one.agent, RAW_AGENT, SERVER_TOKEN):
        assert secret not in redactor.clean(f"x {secret} y")
    assert StagedTokens.read(one.text().rsplit("\n", 2)[0], Redactor()) is None, "a file that was cut"


async def test_tokens_beside_are_given_only_in_a_rotation() -> None:
    def answer(call: Run) -> Answer:
        texts = {NEXT: staged().text(), K3S.paths.server_token: SERVER_TOKEN, AGENT: RAW_AGENT}
        texts[K3S.paths.server_agent_token] = AGENT_TOKEN
        text = texts.get(call.command.removeprefix("cat "), "")
        return output(text + "\n") if text else output(status=1)

    now, later = Tokens(K3S, Redactor()), Tokens(K3S, Redactor(), rotating=True)
    for tokens in (now, later):
        await tokens.read([FakeHost(S1, answer)])
    assert [now.give(kind) for kind in ("server", "agent", "raw-agent")] == [
        SERVER_TOKEN,
        AGENT_TOKEN,
        RAW_AGENT,
    ]
    assert later.give("server") == f"K10{CA}::server:{'5e' * 32}"
    assert later.give("agent") == f"K10{CA}::node:{'a9' * 32}"
    assert later.give("raw-agent") == "a9" * 32
    gone = Tokens(K3S, Redactor(), rotating=True)
    await gone.read([FakeHost(S1, lambda _: output(status=1))])
    with pytest.raises(InstallFailed, match="no longer on any server"):
        gone.staged()


async def test_tokens_of_a_moment_in_the_past() -> None:
    def answer(call: Run) -> Answer:
        if call.command.startswith("ls"):
            return output(f"{renewing.RETIRED}2000\n{renewing.RETIRED}1000\n{renewing.RETIRED}1500.new\n")
        if call.command == f"cat {renewing.RETIRED}2000":
            return output("old-server K10x\nold-agent y\n")
        return output("old-server first\nold-agent z\n")

    host = FakeHost(S1, answer)
    assert await renewing.retired(host, 1999, Redactor()) == ("K10x", "y")
    assert await renewing.retired(host, 999, Redactor()) == ("first", "z")
    assert await renewing.retired(host, 2000, Redactor()) is None, "from then on those of now"


def test_marks_of_tokens_are_facts(tmp_path: Path) -> None:
    """The script runs here, on files of a folder: the same password has the same mark in every form."""
    (tmp_path / "token").write_text(SERVER_TOKEN)
    (tmp_path / "server-token").write_text(SERVER_TOKEN.partition("::")[2].partition(":")[2])
    (tmp_path / "next").write_text(staged().text())
    text = script(K3S).replace("/var/lib/kbootstrap/next-tokens", str(tmp_path / "next"))
    for name, path in (("token", "token"), ("server_token", "server-token"), ("agent_token", "none")):
        text = re.sub(rf"(?m)^{name}=.*$", f"{name}={tmp_path / path}", text, count=1)
    said = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True).stdout
    marks = parse("x", said, K3S, now=0).tokens
    assert marks.own == marks.accepted != ""
    assert marks.next not in ("", marks.own)
    assert marks.next_agents not in ("", marks.next)
    assert marks.agents == ""
    assert "5e5e5e" not in said
