"""The autoscaler's Secrets and images are carried out in the right order, and removed in the right order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from kbootstrap.cluster.converge import secrets
from kbootstrap.cluster.converge.secrets import PodSecrets
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.state.desired import LocalFile
from kbootstrap.cluster.state.pods_mark import token_mark
from kbootstrap.core.errors import InstallFailed
from kbootstrap.distros.additions import Additions, ImageArchive, SecretContent
from tests.cluster.decide.test_autoscaler_pods import (
    AGENT,
    ARCHIVE,
    LATER,
    OTHER,
    PODS,
    SERVER,
    SUM,
    desired_cluster,
    plan_of,
    ran,
)
from tests.cluster.machines import AGENT_TOKEN, FakeApi, Machines, carry_out
from tests.cluster.world import facts
from tests.hosts.fake import Answer, Run, output

BOTH = ("cluster-autoscaler", "kbootstrap-autoscaler")


@dataclass
class Source:
    """Makes Secrets, and remembers for which tokens."""

    tokens: list[str] = field(default_factory=list)
    revoked: int = 0

    async def make(self, token: str) -> Mapping[str, SecretContent]:
        self.tokens.append(token)
        return {name: SecretContent(f"ac.1 {LATER} {token_mark(token)}", {"key": "secret"}) for name in BOTH}

    async def revoke(self) -> None:
        self.revoked += 1

    def __call__(self) -> PodSecrets:
        return PodSecrets(self.make, self.revoke, ("one", "two"), ("status",))


@pytest.fixture
def local(tmp_path: Path) -> dict[str, LocalFile]:
    ends = ((SUM, ".tar.zst"), (OTHER, ".tar"))
    names = ["k3s", "k3s-airgap-images-amd64.tar.zst", *(f"kbootstrap-image-{s[:16]}{e}" for s, e in ends)]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    return {name: LocalFile(tmp_path / name, "5" * 64) for name in names}


async def test_a_new_cluster(local: dict[str, LocalFile]) -> None:
    """Archives are there before the service starts; Secrets when the first server serves, the marked last."""
    machines, source = Machines(desired_cluster()), Source()
    plan = decide(machines.plan, facts(machines.plan, {"*": {}}), None)
    await carry_out(machines, plan, local, pod_secrets=source())
    log = machines.log
    assert log.index(f"serving {SERVER}") < log.index(f"secret {BOTH[0]}") < log.index(f"secret {BOTH[1]}")
    assert log.index(f"secret {BOTH[1]}") < log.index(f"start {AGENT}")
    assert source.tokens == [AGENT_TOKEN]
    assert ARCHIVE in machines.hosts[SERVER].files
    assert not any("images import" in command for command in machines.hosts[SERVER].commands)
    assert not any(one.startswith("delete pods") for one in log)


async def test_pods_restart_with_other_secrets() -> None:
    machines, source = Machines(desired_cluster()), Source()
    machines.secrets |= {name: SecretContent("old 0 0", {}) for name in BOTH}
    await carry_out(machines, plan_of(machines.plan, ran(machines.plan), "old 0 0"), {}, pod_secrets=source())
    assert machines.log[-2:] == ["delete pods kbootstrap/reads=kbootstrap-autoscaler", "close"]
    assert machines.secrets[BOTH[1]].mark == f"ac.1 {LATER} {token_mark(AGENT_TOKEN)}"


async def test_good_secrets_stay_when_the_api_was_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    machines, source = Machines(desired_cluster()), Source()
    monkeypatch.setattr("kbootstrap.cluster.converge.secrets.time.time", lambda: float(LATER - 1))
    machines.secrets[BOTH[1]] = SecretContent(f"ac.1 {LATER} {token_mark(AGENT_TOKEN)}", {})
    plan = decide(machines.plan, ran(machines.plan), None)
    for name in (SERVER, AGENT):
        machines._begin("start", name)
    await carry_out(machines, plan, {}, pod_secrets=source())
    assert source.tokens == []


async def test_another_image_is_imported_by_a_server_that_runs(local: dict[str, LocalFile]) -> None:
    """An archive without compression is imported as it is; what no pod needs is removed, and forgotten."""
    wish = desired_cluster(replace(PODS, archives=(ImageArchive("server.tar", OTHER),)))
    machines, before = Machines(wish), ran(desired_cluster())
    await carry_out(machines, plan_of(wish, before), local)
    runs = machines.hosts[SERVER].commands
    [imported] = [command for command in runs if "images import" in command]
    assert f"/next/kbootstrap-image-{OTHER[:16]}.tar" in imported
    [dropped] = [command for command in runs if f"rm -f {ARCHIVE}" in command]
    assert f"grep -v ' {ARCHIVE}$'" in dropped
    assert not [one for one in machines.log if one.startswith(("restart", "start"))]


async def test_an_image_that_cannot_be_imported(local: dict[str, LocalFile]) -> None:
    """A pod would wait for ever: nothing is ever pulled for it."""
    wish = desired_cluster(replace(PODS, archives=(ImageArchive("server.tar", OTHER),)))
    machines = Machines(wish)

    def answer(call: Run) -> Answer:
        return output(status=1) if "images import" in call.command else machines.answer(call)

    machines.hosts[SERVER].handler = answer
    with pytest.raises(InstallFailed) as caught:
        await carry_out(machines, plan_of(wish, ran(desired_cluster())), local)
    assert caught.value.code == "KB0824"


async def test_the_end() -> None:
    machines, source = Machines(desired_cluster(Additions())), Source()
    machines.secrets |= {name: SecretContent("ac.1 0 0", {}) for name in BOTH}
    await carry_out(machines, plan_of(machines.plan, ran(desired_cluster())), {}, pod_secrets=source())
    assert source.revoked == 1
    assert [one for one in machines.log if one.startswith(("look", "delete"))] == [
        "look for pods kbootstrap/reads=kbootstrap-autoscaler",
        "delete lease one",
        "delete lease two",
        "delete config status",
        *(f"delete secret {name}" for name in BOTH),
    ]
    assert machines.secrets == {}


async def test_the_mark_stays_until_elastic_nodes_have_left() -> None:
    machines, source = Machines(desired_cluster()), Source()
    machines.secrets |= {name: SecretContent("ac.1 0 0", {}) for name in BOTH}
    said: list[str] = []
    await secrets.remove_pods(FakeApi(machines), source(), said.append, last=False)
    assert [*machines.secrets] == [BOTH[1]]
    await secrets.forget_pods(FakeApi(machines))
    assert machines.secrets == {}


async def test_pods_are_waited_for_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """One on a machine that does not answer would stay until the machine is removed."""
    monkeypatch.setattr(secrets, "PODS", 0.2)
    monkeypatch.setattr(secrets, "POLL", 0.01)
    machines, source = Machines(desired_cluster()), Source()

    class Staying(FakeApi):
        async def has_pods(self, label: str) -> bool:
            del label
            assert source.revoked == 0
            return True

    said: list[str] = []
    await secrets.remove_pods(Staying(machines), source(), said.append, last=True)
    assert said == ["the pods end"]
    assert source.revoked == 1
