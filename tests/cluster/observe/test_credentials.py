from __future__ import annotations

import pytest

from kbootstrap.cluster.observe import credentials as fetch
from kbootstrap.cluster.observe.credentials import await_kubeconfig, fetch_kubeconfig
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.redact import Redactor
from kbootstrap.distros import find
from tests.cluster.machines import KUBECONFIG
from tests.cluster.world import desired_cluster, facts
from tests.hosts.fake import FakeHost, output

K3S = find("k3s")
S1, S2 = "local-control-plane-1", "local-control-plane-2"


async def test_from_the_server_that_runs() -> None:
    plan, redactor = desired_cluster(3, 1), Redactor()
    states = {"*": {"is": "running"}, S1: {"is": "running", "unit": {"active": "failed"}}}
    hosts = {node.name: FakeHost(node.name, lambda _: output(KUBECONFIG)) for node in plan.nodes}
    assert await fetch_kubeconfig(hosts, facts(plan, states), K3S, redactor) == KUBECONFIG.rstrip("\n")
    assert not hosts[S1].calls
    assert len(hosts[S2].calls) == 1
    assert "c2VjcmV0" not in redactor.clean("the key is c2VjcmV0IGtleSBvZiB0aGUgYWRtaW4=")


async def test_no_cluster_yet() -> None:
    plan = desired_cluster(1, 1)
    hosts = {node.name: FakeHost(node.name) for node in plan.nodes}
    assert await fetch_kubeconfig(hosts, facts(plan, {"*": {}}), K3S, Redactor()) is None
    assert all(not host.calls for host in hosts.values())


async def test_a_server_that_has_none_is_passed_over() -> None:
    plan = desired_cluster(3, 0)
    hosts = {node.name: FakeHost(node.name, lambda _: output(status=1)) for node in plan.nodes}
    hosts[S2].handler = lambda _: output(KUBECONFIG)
    assert await fetch_kubeconfig(hosts, facts(plan, {"*": {"is": "running"}}), K3S, Redactor())


async def test_it_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "POLL", 0.01)
    answers = [output(status=1), output(status=1), output(KUBECONFIG)]
    host = FakeHost(S1, lambda _: answers.pop(0))
    assert await await_kubeconfig(host, K3S, Redactor()) == KUBECONFIG.rstrip("\n")


async def test_it_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "KUBECONFIG", 0.05)
    monkeypatch.setattr(fetch, "POLL", 0.01)
    with pytest.raises(InstallFailed) as caught:
        await await_kubeconfig(FakeHost(S1, lambda _: output(status=1)), K3S, Redactor())
    assert caught.value.code == "KB0822"
