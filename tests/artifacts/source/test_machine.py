"""What a build needs of this machine is said at once and by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kbootstrap.artifacts.source import machine
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.process import Finished
from tests.artifacts.conftest import FakeRunner

STATIC, DYNAMIC = b"\x7fELF static", b"\x7fELF /lib64/ld-linux-x86-64.so.2"


async def test_everything_missing_is_named_together(runner: FakeRunner) -> None:
    with pytest.raises(PrerequisiteMissing, match=r"a C compiler.*pkg-config") as caught:
        await machine.c_compiler(runner, {})
    assert caught.value.code == "KB0908"
    assert "apt-get install" in (caught.value.hint or "")


async def test_headers_of_libseccomp_missing() -> None:
    runner = FakeRunner(lambda argv, _cwd: Finished(tuple(argv), 1, "", ""))
    runner.programs = {"gcc": Path("/usr/bin/gcc"), "pkg-config": Path("/usr/bin/pkg-config")}
    with pytest.raises(PrerequisiteMissing, match="headers of libseccomp"):
        await machine.c_compiler(runner, {})


async def test_compiler_of_the_environment() -> None:
    runner = FakeRunner(lambda _argv, _cwd: "")
    runner.programs = {"clang": Path("/usr/bin/clang"), "pkg-config": Path("/usr/bin/pkg-config")}
    assert await machine.c_compiler(runner, {"CC": "clang -m64"}) == "clang -m64"


def test_other_architecture_is_refused() -> None:
    machine.check_architecture(machine.architecture(), "k3s")
    with pytest.raises(PrerequisiteMissing, match="for riscv64 cannot be built") as caught:
        machine.check_architecture("riscv64", "k3s")
    assert caught.value.code == "KB0906"


async def test_static_busybox_of_this_machine(tmp_path: Path, runner: FakeRunner) -> None:
    runner.programs["busybox"] = tmp_path / "busybox"
    (tmp_path / "busybox").write_bytes(STATIC)
    await machine.busybox(runner, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == STATIC
    assert runner.ran == []


async def test_busybox_out_of_the_package(tmp_path: Path) -> None:
    def answer(argv: Sequence[str], cwd: Path | None) -> str:
        if argv[0] == "apt-get":
            assert cwd is not None
            (cwd / "busybox-static_1_amd64.deb").touch()
        else:
            (Path(argv[-1]) / "usr" / "bin").mkdir(parents=True)
            (Path(argv[-1]) / "usr" / "bin" / "busybox").write_bytes(STATIC)
        return ""

    runner = FakeRunner(answer)
    runner.programs["busybox"] = tmp_path / "busybox"
    (tmp_path / "busybox").write_bytes(DYNAMIC)
    await machine.busybox(runner, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == STATIC


@pytest.mark.parametrize("apt", [True, False])
async def test_no_busybox_anywhere(tmp_path: Path, apt: bool) -> None:
    runner = FakeRunner((lambda _argv, _cwd: "") if apt else None)
    with pytest.raises(PrerequisiteMissing, match="static busybox") as caught:
        await machine.busybox(runner, tmp_path / "target")
    assert caught.value.code == "KB0908"


async def test_a_busybox_that_is_a_script_or_for_another_processor_is_not_taken(tmp_path: Path) -> None:
    runner = FakeRunner()
    runner.programs["busybox"] = tmp_path / "busybox"
    for content in (b"#!/bin/sh\n", b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xff\xff" + bytes(80)):
        (tmp_path / "busybox").write_bytes(content)
        with pytest.raises(PrerequisiteMissing, match="static busybox"):
            await machine.busybox(runner, tmp_path / "target")
