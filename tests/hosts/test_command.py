from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

from kbootstrap.hosts.command import ssh_argv
from kbootstrap.inventory.model import SshTarget
from tests.hosts.conftest import Around, StartSshd
from tests.hosts.sshd import Sshd


def test_the_whole_line() -> None:
    target = SshTarget("prod-agent-1", "10.0.0.5", 2222, "debian", (Path("/k/id"),))
    assert ssh_argv(target, Path("/run/a b%/known_hosts"), ["ls", "a b;", "pwd"]) == [
        *("ssh", "-F", "none", "-p", "2222", "-l", "debian", "-i", "/k/id", "-o", "IdentitiesOnly=yes"),
        *("-o", "HostKeyAlias=prod-agent-1", "-o", 'UserKnownHostsFile="/run/a b%%/known_hosts"'),
        *("-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no"),
        *("-o", "LogLevel=ERROR", "--", "10.0.0.5", "ls a b; pwd"),
    ]


def test_a_shell_with_the_agents_keys() -> None:
    argv = ssh_argv(SshTarget("n", "10.0.0.5", 22, "root"), Path("/k"))
    assert argv[-2:] == ["--", "10.0.0.5"]
    assert "IdentitiesOnly=yes" not in argv


async def test_openssh_agrees_with_our_pins(sshd: Sshd, start_sshd: StartSshd, tmp_path: Path) -> None:
    bastion = start_sshd("bastion").target("bastion")
    around = Around(tmp_path / "100% of it")
    for jump in (None, bastion):
        machine = sshd.machine(jump=jump)
        argv = ssh_argv(machine.ssh, around.pins.path, ["echo", '"it\'s"', "a b; false || exit 5"])
        if jump is None:
            refused = await asyncio.to_thread(_run, argv)
            assert "Host key verification failed" in refused.stderr
        await (await around.connector.connect(machine, deadline=10)).close()
        done = await asyncio.to_thread(_run, argv)
        assert (done.stdout, done.stderr, done.returncode) == ("it's a b\n", "", 5)


def _run(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=False)
