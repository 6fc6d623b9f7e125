"""How a server lets the others take over: its script in a real shell, where it calls other programs."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from kbootstrap.cluster.converge import hand_over
from kbootstrap.cluster.converge.etcd_api import etcd_script, promoting
from kbootstrap.cluster.converge.hand_over import has_stopped, script
from kbootstrap.cluster.converge.watch import NodeWatch
from kbootstrap.cluster.state.api_facts import ApiNode
from kbootstrap.distros import find
from kbootstrap.hosts.model import Output
from tests.cluster.converge.samples import S1
from tests.cluster.machines import FakeApi, Machines
from tests.cluster.world import desired_cluster
from tests.hosts.fake import FakeHost, Run, output

K3S = find("k3s")
MEMBERS = {
    "members": [
        {"ID": "11", "name": "a", "peerURLs": ["https://10.0.0.1:2380"]},
        {"ID": "22", "name": "b", "peerURLs": ["https://10.0.0.2:2380"], "isLearner": True},
        {"ID": "33", "name": "c", "peerURLs": ["https://10.0.0.3:2380"]},
        {"ID": "44", "name": "d", "peerURLs": ["https://10.0.0.4:2380"]},
    ]
}


class Programs:
    """Programs in a folder of their own, which note their calls."""

    def __init__(self, folder: Path, *, leader: str = "11", down: str = "") -> None:
        self.folder, self.log = folder, folder / "log"
        status = json.dumps({"header": {"member_id": "11"}, "leader": leader}, separators=(",", ":"))
        members = json.dumps(MEMBERS, separators=(",", ":"))
        self.program(
            "kubectl",
            f"""case "$*" in
            *maintenance/status*)
               if [ -e {self.folder}/moved ]; then echo '{status}' | sed 's/"leader":"11"/"leader":"33"/'
               else echo '{status}'; fi ;;
            *member/list*) echo '{members}' ;;
            *member/promote*) echo "promote $(cat)" >> {self.log} ;;
            *) body=$(cat); echo "transfer $body" >> {self.log}
               case $body in *'"{down}"'*) exit 1 ;; esac
               : > {self.folder}/moved ;;
            esac""",
        )
        for name in ("iptables", "ip6tables", "systemd-run"):
            self.program(name, f'echo "{name} $*" >> {self.log}')
        self.program("sleep", ":")

    def program(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IEXEC)

    def run(self, text: str) -> list[str]:
        text = text.replace("/run/kbootstrap", str(self.folder / "run"))
        (self.folder / "run").mkdir(exist_ok=True)
        text = text.replace("kubectl='/usr/local/bin/k3s kubectl'", "kubectl=kubectl")
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(["sh", "-c", text], check=True, env={"PATH": path}, timeout=60)
        return self.log.read_text().splitlines()


@pytest.mark.parametrize(
    ("leader", "down", "asked"),
    [
        ("11", "", ["33"]),
        ("11", "33", ["33", "44"]),
        ("33", "", []),
    ],
)
def test_the_leader_of_etcd_moves_to_a_voter(
    tmp_path: Path, leader: str, down: str, asked: list[str]
) -> None:
    calls = Programs(tmp_path, leader=leader, down=down or "none").run(script(K3S))
    moved = [json.loads(call.removeprefix("transfer "))["targetID"] for call in calls if "transfer" in call]
    assert moved == asked


def test_a_leader_that_cannot_be_moved_yet_is_asked_again(tmp_path: Path) -> None:
    """Refuse the first three requests, as etcd does while a change of its members is under way."""
    programs = Programs(tmp_path)
    real = (tmp_path / "kubectl").rename(tmp_path / "kubectl.real")
    programs.program(
        "kubectl",
        f"""case "$*" in *transfer*) [ "$(grep -c transfer {programs.log})" -ge 3 ] || set -- fail ;; esac
        if [ "$1" = fail ]; then echo "transfer $(cat)" >> {programs.log}; exit 1; fi
        exec {real} "$@" """,
    )
    programs.log.touch()
    calls = programs.run(script(K3S))
    moved = [json.loads(call.removeprefix("transfer "))["targetID"] for call in calls if "transfer" in call]
    assert moved == ["33", "44", "33", "44"]


TABLE = """\
rules={folder}/$(basename "$0")-rules; touch "$rules"; shift 2
case $1 in
-I) shift 2; echo "-A INPUT $*" >> "$rules" ;;
-S) cat "$rules" ;;
-D) shift; grep -vxF -e "-A $*" "$rules" > "$rules.new"; mv "$rules.new" "$rules" ;;
esac"""
"""A program that keeps a table of rules, as `iptables -w 5` does."""


@pytest.fixture
def tables(tmp_path: Path) -> Programs:
    programs = Programs(tmp_path)
    for name in ("iptables", "ip6tables"):
        programs.program(name, TABLE.format(folder=tmp_path))
        (tmp_path / f"{name}-rules").write_text("-A INPUT -j KUBE-FIREWALL\n")
    # The service that `systemd-run` starts is run by the test.
    programs.program("systemd-run", f'for text; do :; done; printf %s "$text" > {programs.folder}/service')
    programs.program("systemctl", f'echo "systemctl $*" >> {programs.log}')
    return programs


def rules(programs: Programs, name: str) -> list[str]:
    return (programs.folder / f"{name}-rules").read_text().splitlines()


def test_new_connections_are_refused_until_the_server_resumes(tables: Programs) -> None:
    tables.run(script(K3S))
    for name in ("iptables", "ip6tables"):
        first, added = rules(tables, name)
        assert first == "-A INPUT -j KUBE-FIREWALL"
        assert all(part in added for part in ("--dport 6443", "! -i lo", "--syn", "-j REJECT"))
    for _ in range(2):  # the second time, there is nothing left to remove
        tables.run(hand_over.RESUME)
        assert rules(tables, "iptables") == rules(tables, "ip6tables") == ["-A INPUT -j KUBE-FIREWALL"]


def test_rules_that_another_program_writes_back_are_removed_again(tables: Programs) -> None:
    """kube-router reads the table, the server resumes, and kube-router writes what it read."""
    tables.run(script(K3S))
    read = (tables.folder / "iptables-rules").read_bytes()
    tables.run(hand_over.RESUME)
    (tables.folder / "iptables-rules").write_bytes(read)
    tables.run((tables.folder / "service").read_text())
    assert rules(tables, "iptables") == ["-A INPUT -j KUBE-FIREWALL"]


def test_a_server_whose_run_ended_takes_connections_when_patience_ends(tables: Programs) -> None:
    tables.run(script(K3S))
    tables.program("sleep", f"echo slept >> {tables.log}")
    calls = tables.run((tables.folder / "service").read_text())
    assert calls.count("slept") == 120 + 30
    assert rules(tables, "iptables") == rules(tables, "ip6tables") == ["-A INPUT -j KUBE-FIREWALL"]


def test_another_hand_over_ends_the_service_of_the_one_before(tables: Programs) -> None:
    """It would remove the new rules."""
    assert "systemctl stop kbootstrap-hand-over.service" in tables.run(script(K3S))


def test_a_machine_without_these_programs_is_not_stopped_from_stopping(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    for name in ("kubectl", "iptables", "ip6tables", "systemd-run", "systemctl"):
        programs.program(name, f'echo "{name}" >> {programs.log}; exit 1')
    calls = programs.run(script(K3S))
    assert "iptables" not in calls, "no rule without the service that removes it"
    programs.run(hand_over.RESUME)


@pytest.mark.parametrize(
    ("said", "status", "stopped"),
    [("0\n\n0\n", 0, True), ("0\n42\n", 0, False), ("", 0, False), ("0\n", 1, False)],
)
async def test_a_server_has_stopped_when_no_process_is_left(said: str, status: int, stopped: bool) -> None:
    def answer(call: Run) -> Output:
        assert "MainPID" in call.command
        return output(said, status=status)

    assert await has_stopped(FakeHost(S1, answer), K3S) is stopped


@pytest.mark.usefixtures("quick")
async def test_leases_are_released_once_the_server_has_stopped() -> None:
    """The Node goes only then: its finalizer waits for the controller that this server ran."""
    machines = Machines(desired_cluster(3, 0))
    machines.nodes = {S1: ApiNode(S1, ready=True, version="v1")}
    looks = iter([False, False, True])

    class Api(FakeApi):
        async def delete_node(self, name: str) -> None:
            self.machines.log.append(f"delete {name}")

        async def release_leases(self, node: str) -> None:
            await super().release_leases(node)
            self.machines.nodes.pop(node)

    async def stopped() -> bool:
        return next(looks)

    await NodeWatch(Api(machines)).forget(S1, stopped)
    assert machines.log == [f"delete {S1}", f"release leases {S1}"]
    assert next(looks, None) is None


def test_learners_become_voters(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    programs.program("date", f"wc -l < {programs.log}")  # a second for each call
    programs.log.touch()
    calls = programs.run(etcd_script(K3S, "promote.sh", patience=2))
    assert calls == ['promote {"ID": "22"}'] * 2


async def test_learners_are_promoted_until_the_server_serves() -> None:
    host, asked = FakeHost(S1), asyncio.Event()

    def answer(call: Run) -> Output:
        assert "member/promote" in call.command
        asked.set()
        return output()

    host.handler = answer
    async with promoting(host, K3S):
        await asked.wait()
    ended = len(host.commands)
    await asyncio.sleep(0.05)
    assert len(host.commands) == ended


async def test_a_failure_to_promote_has_no_effect() -> None:
    async with promoting(FakeHost(S1, broken=True), K3S):
        await asyncio.sleep(0)
    async with promoting(None, K3S):
        pass
