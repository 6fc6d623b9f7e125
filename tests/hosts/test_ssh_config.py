from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.hosts.ssh_config import resolve
from kbootstrap.inventory.model import SshTarget

CONFIG = """\
Host metal-1
    HostName 192.168.7.1
    Port 2201
    User nobody
    IdentityFile {folder}/id
    ProxyJump ops@gate:2022,inner
Host inner
    HostName 10.9.9.9
    User inside
Host direct
    ProxyJump none
Host loop-a
    ProxyJump loop-b
Host loop-b
    ProxyJump loop-a
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "id").write_text("")
    path = tmp_path / "config"
    path.write_text(CONFIG.format(folder=tmp_path))
    return path


def target(host: str) -> SshTarget:
    return SshTarget("node", host, 22, "root")


def test_everything_that_is_taken_over(config: Path) -> None:
    gate = SshTarget("[gate]:2022", "gate", 2022, "ops")
    inner = SshTarget("inner", "10.9.9.9", 22, "inside", jump=gate)
    assert resolve(target("metal-1"), [config], local_user="me") == SshTarget(
        "node", "192.168.7.1", 2201, "root", (config.parent / "id",), inner
    )


def test_what_the_target_says_itself_is_kept(config: Path) -> None:
    own = SshTarget("node", "metal-1", 22222, "root", (Path("/k"),), SshTarget("j", "j", 22, "root"))
    resolved = resolve(own, [config], local_user="me")
    assert (resolved.port, resolved.identities, resolved.jump) == (22222, own.identities, own.jump)


@pytest.mark.parametrize("host", ["direct", "unknown", "10.0.0.1"])
def test_hosts_without_settings(config: Path, host: str) -> None:
    assert resolve(target(host), [config.with_name("absent"), config], local_user="me") == target(host)


def test_no_files() -> None:
    assert resolve(target("metal-1"), [Path("/absent")], local_user="me") == target("metal-1")


def test_a_loop(config: Path) -> None:
    with pytest.raises(PrerequisiteMissing, match="more than 8 hosts"):
        resolve(target("loop-a"), [config], local_user="me")


def test_a_damaged_file(config: Path) -> None:
    config.write_text("Host x\n  Port many\n")
    with pytest.raises(PrerequisiteMissing, match="cannot read your SSH configuration"):
        resolve(target("x"), [config], local_user="me")
