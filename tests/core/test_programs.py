"""Programs that are found and cannot run: named, passed over, and never a bug."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.programs import choose, kubectl, openssh
from kbootstrap.tofu.find import find

FOREIGN = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xff\xff" + bytes(80)
"""An ELF header of a processor that does not exist."""


class Machine:
    """Folders on PATH, `one` before `two`, with programs in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {"PATH": f"{folder / 'one'}:{folder / 'two'}:{folder / 'missing'}"}
        self.runner = LocalRunner(self.env)

    def program(self, place: str, content: str | bytes, mode: int = 0o755) -> Path:
        path = self.folder / place
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else f"#!/bin/sh\n{content}\n".encode())
        path.chmod(mode)
        return path


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


UNUSABLE: dict[str, tuple[str | bytes, str]] = {
    "another processor": (FOREIGN, "it is for another processor"),
    "no interpreter": (b"#!/nonexistent/interpreter\n", "its interpreter is not on this machine"),
    "empty": (b"", "it is for another processor, or no program"),
    "another program": ("echo hello", "is not tool"),
    "crashes": ("kill -SEGV $$", "exit status -11"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
async def test_the_next_one_on_path_is_used(machine: Machine, kind: str) -> None:
    content, why = UNUSABLE[kind]
    first = machine.program("one/tool", content)
    second = machine.program("two/tool", "echo tool 1.0")
    choice = await choose(machine.runner, "tool", ["--version"], r"tool \d")
    assert choice.path == second
    (said,) = choice.unusable
    assert str(first) in said
    assert why in said
    second.unlink()
    choice = await choose(machine.runner, "tool", ["--version"], r"tool \d")
    assert (choice.path, len(choice.unusable)) == (None, 1)


@pytest.mark.parametrize("kind", ["another processor", "no interpreter", "empty"])
async def test_a_name_is_looked_up_further_when_the_first_cannot_start(machine: Machine, kind: str) -> None:
    content, why = UNUSABLE[kind]
    first = machine.program("one/tool", content)
    machine.program("two/tool", "echo second")
    assert (await machine.runner.run(["tool"], deadline=10)).stdout == "second\n"
    for name in (str(first), "tool"):
        with pytest.raises(PrerequisiteMissing, match=why):
            await machine.runner.run([name], deadline=10)
        (machine.folder / "two" / "tool").unlink(missing_ok=True)


async def test_no_permission(machine: Machine) -> None:
    path = machine.program("one/tool", "echo first", mode=0o644)
    second = machine.program("two/tool", "echo tool 1.0")
    assert machine.runner.places("tool") == (second,)
    with pytest.raises(PrerequisiteMissing, match="may not be run"):
        await machine.runner.run([str(path)], deadline=10)


async def test_a_missing_folder_does_not_count_as_the_program(machine: Machine) -> None:
    machine.program("one/tool", "echo")
    with pytest.raises(PrerequisiteMissing, match=r"folder .*nowhere"):
        await machine.runner.run(["tool"], deadline=10, cwd=machine.folder / "nowhere")


async def test_one_file_counts_once(machine: Machine) -> None:
    first = machine.program("one/tool", "echo")
    (machine.folder / "two").mkdir()
    (machine.folder / "two" / "tool").symlink_to(first)
    assert machine.runner.places("tool") == (first,)


@pytest.mark.parametrize("kind", UNUSABLE)
async def test_tofu_then_terraform(machine: Machine, kind: str) -> None:
    first = machine.program("one/tofu", UNUSABLE[kind][0])
    terraform = machine.program("one/terraform", "echo Terraform v1.11.4")
    found = await find(machine.runner, machine.env, machine.folder)
    assert found.path == terraform
    assert [str(first) in why for why in found.unusable] == [True]
    second = machine.program("two/tofu", "echo OpenTofu v1.8.3")
    for explicit in (None, "tofu"):
        assert (await find(machine.runner, machine.env, machine.folder, explicit)).path == second
    with pytest.raises(PrerequisiteMissing) as caught:
        await find(machine.runner, machine.env, machine.folder, str(first))
    assert (caught.value.code, caught.value.exit_code) == ("KB0503", 5)
    assert str(first) in caught.value.message


async def test_kubectl_and_ssh(machine: Machine) -> None:
    for name in ("kubectl", "ssh"):
        machine.program(f"one/{name}", FOREIGN)
    machine.program("two/kubectl", """echo '{"clientVersion": {}}'""")
    machine.program("two/ssh", "echo OpenSSH_9.2p1 >&2")
    assert (await kubectl(machine.runner)).path == machine.folder / "two" / "kubectl"
    assert (await openssh(machine.runner)).path == machine.folder / "two" / "ssh"
    machine.program("two/ssh", "echo Dropbear v2022.83 >&2")
    assert (await openssh(machine.runner)).path is None


def test_the_search_path_may_be_missing() -> None:
    assert (
        LocalRunner({}).places("sh")
        == tuple(Path(folder, "sh") for folder in os.defpath.split(":") if Path(folder, "sh").is_file())[:1]
    )
