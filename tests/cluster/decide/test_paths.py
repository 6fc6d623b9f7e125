"""Which paths a node needs, and what is said of those that were tried."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kbootstrap.cluster.decide.paths import between, closed, judge, to_join
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.paths import Answer, Path, Tried
from kbootstrap.distros import every
from kbootstrap.distros.paths import joining, paths
from tests.cluster.world import desired_cluster


def on_machines(
    servers: int, agents: int, registration: str = "", distribution: str = "k3s"
) -> DesiredCluster:
    """A cluster whose nodes have addresses: servers from .11, agents from .21."""
    version = "v1.32.0+k3s1" if distribution == "k3s" else "v1.32.1+rke2r1"
    plan = desired_cluster(servers, agents, distribution=distribution, version=version)  # type: ignore[arg-type]
    numbers = {"server": iter(range(11, 20)), "agent": iter(range(21, 30))}
    nodes = tuple(replace(node, address=f"10.0.0.{next(numbers[node.role])}") for node in plan.nodes)
    return replace(plan, nodes=nodes, registration=registration or "https://10.0.0.11:6443")


def rows(found: tuple[Path, ...]) -> list[str]:
    return [f"{path.target} {path.owner or '-'}" for path in found]


@pytest.mark.parametrize("distro", every(), ids=lambda one: one.name)
def test_every_distribution_has_a_table(distro: object) -> None:
    for source in ("server", "agent"):
        ports = {one.number for one in joining(distro, source)}  # type: ignore[arg-type]
        assert distro.registration_port in ports  # type: ignore[attr-defined]
        assert ({2379, 2380} <= ports) is (source == "server")
        for target in ("server", "agent"):
            found = {str(one) for one in paths(distro, source, target)}  # type: ignore[arg-type]
            assert {"TCP 10250", "UDP 8472"} <= found


def test_what_an_agent_joins_through() -> None:
    plan = on_machines(1, 1)
    assert rows(to_join(plan, plan.nodes[1])) == ["TCP 6443 of 10.0.0.11 local-control-plane-1"]
    behind = on_machines(3, 1, "https://api.example.org:6443")
    assert rows(to_join(behind, behind.nodes[3])) == ["TCP 6443 of api.example.org -"]


def test_what_a_server_joins_through() -> None:
    plan = on_machines(3, 0)
    first, second, third = (f"local-control-plane-{number}" for number in (1, 2, 3))
    assert rows(to_join(plan, plan.nodes[1])) == [
        *(f"TCP {port} of 10.0.0.11 {first}" for port in (2379, 2380, 6443)),
        *(f"TCP {port} of 10.0.0.13 {third}" for port in (2379, 2380, 6443)),
    ]
    own = {path.owner for path in to_join(plan, plan.nodes[0])}
    assert own == {second, third}, "its own address is no path"


def test_another_distribution_has_another_port_to_join() -> None:
    plan = on_machines(1, 1, "https://10.0.0.11:9345", "rke2")
    assert rows(to_join(plan, plan.nodes[1])) == [
        "TCP 6443 of 10.0.0.11 local-control-plane-1",
        "TCP 9345 of 10.0.0.11 local-control-plane-1",
    ]


def test_paths_between_machines() -> None:
    plan = on_machines(1, 2)
    found = between(plan, [node.name for node in plan.nodes])
    assert rows(found["local-control-plane-1"]) == [
        f"{port} of 10.0.0.{host} local-default-{number}"
        for host, number in ((21, 1), (22, 2))
        for port in ("TCP 10250", "UDP 8472")
    ]
    assert "TCP 2379 of 10.0.0.11 local-control-plane-1" not in rows(found["local-default-1"])
    assert between(plan, ["local-default-1"]) == {"local-default-1": ()}
    assert between(desired_cluster(1, 1), ["local-default-1"]) == {}, "no address is known"


def test_a_closed_path_names_both_ends_the_port_and_the_answer() -> None:
    plan = on_machines(1, 1)
    (path,) = to_join(plan, plan.nodes[1])
    said = closed("w-1", path, "silent", "local-control-plane-1")
    assert said == (
        "w-1 does not reach TCP 6443 of local-control-plane-1, 10.0.0.11 (the Kubernetes API; nodes join "
        "through it): no answer, although local-control-plane-1 listens on it"
    )
    behind = on_machines(1, 1, "https://api.example.org:6443")
    (path,) = to_join(behind, behind.nodes[1])
    said = closed("w-1", path, "unnamed", "cp-1")
    assert "TCP 6443 of api.example.org (" in said
    assert "has no address there, although cp-1 reaches it" in said


def tried(port: str, answer: Answer | None, *, answers: bool = True) -> list[Tried]:
    """What the agent found on the server."""
    plan = on_machines(1, 1)
    found = between(plan, [node.name for node in plan.nodes])["local-default-1"]
    return [Tried("local-default-1", path, answer, answers) for path in found if str(path.port) == port]


@pytest.mark.parametrize(
    ("port", "answer", "answers", "ok", "said"),
    [
        ("TCP 6443", "open", True, True, "1 path answers: TCP 6443"),
        ("TCP 6443", "refused", True, False, "closed for local-default-1: the connection is refused"),
        ("TCP 6443", "refused", False, None, "was not probed to local-control-plane-1"),
        ("TCP 6443", "rejected", False, False, "rejected (ICMP)"),
        ("TCP 6443", "silent", False, False, "no answer"),
        ("TCP 6443", None, True, None, "was not probed"),
        ("UDP 8472", "open", True, True, "UDP 8472"),
        ("UDP 8472", "silent", True, False, "no answer"),
        ("UDP 8472", "silent", False, None, "was not probed"),
        ("UDP 8472", "refused", False, None, "was not probed"),
    ],
)
def test_what_answers_mean(
    port: str, answer: Answer | None, *, answers: bool, ok: bool | None, said: str
) -> None:
    (line,) = judge(tried(port, answer, answers=answers))
    assert line.ok is ok
    assert said in line.found
    assert bool(line.help) is not bool(ok)


def test_one_line_for_a_port_that_is_closed_for_many() -> None:
    (one,) = tried("TCP 6443", "silent")
    (line,) = judge([replace(one, source=f"w-{number}") for number in range(1, 7)])
    assert "closed for w-1, w-2, w-3 and 3 more" in line.found
    assert line.name == "local-control-plane-1"
