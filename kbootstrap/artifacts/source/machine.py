"""Requirements of a build from source on this machine, all checked before it starts."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from kbootstrap.artifacts.source.golang import C_HINT
from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing
from kbootstrap.core.process import Runner

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_GIB = 1024**3
_COLD = 9 * _GIB
"""Bytes that the first build of k3s needs in the cache: Go's caches 8 GB, the steps 1 GB."""
_WARM = 5 * _GIB
"""Bytes that another version needs when Go's caches are filled."""
_ELF_INTERPRETER = b"/lib64/ld-linux"
_ELF_MACHINE = slice(18, 20)
"""The processor field of an ELF header (elf(5), `e_machine`)."""


def architecture() -> str:
    """Return this machine's architecture as vendors name it: `amd64`, `arm64`, else the kernel's name."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def check_architecture(arch: str, what: str) -> None:
    """Reject a build for an architecture other than this machine's."""
    if arch != architecture():
        raise PrerequisiteMissing(
            f"{what} for {arch} cannot be built from source on this {architecture()} machine",
            hint="run the command on a machine of that architecture, or name a mirror (`artifacts.mirror`)",
            code="KB0906",
        )


def check_space(cache: Path) -> None:
    """Reject a build for which the disk has too little space."""
    needed = _WARM if (cache / "go" / "build").is_dir() else _COLD
    existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise PrerequisiteMissing(
            f"building from source needs {needed / _GIB:.0f} GiB below {cache}; {free / _GIB:.1f} are free",
            hint="free some space, or name another folder in KBOOTSTRAP_CACHE",
            code="KB0904",
        )


async def c_compiler(runner: Runner, env: Mapping[str, str]) -> str:
    """Return the C compiler, after checking that it and the libraries of runc are installed."""
    compiler = env.get("CC") or "gcc"
    missing = []
    if not await _runs(runner, [compiler.split()[0], "--version"]):
        missing.append(f"{compiler} (a C compiler)")
    if not await _runs(runner, ["pkg-config", "--version"]):
        missing.append("pkg-config")
    elif (await runner.run(["pkg-config", "--exists", "libseccomp"], deadline=30, check=False)).status != 0:
        missing.append("the headers of libseccomp")
    if missing:
        raise PrerequisiteMissing(
            f"building from source needs {', '.join(missing)}, not found or not usable on this machine",
            hint=C_HINT,
            code="KB0908",
        )
    return compiler


async def _runs(runner: Runner, argv: list[str]) -> bool:
    """Return whether a program is on PATH and can be started."""
    if runner.which(argv[0]) is None:
        return False
    try:
        await runner.run(argv, deadline=30, check=False)
    except KbootstrapError:
        return False
    return True


async def busybox(runner: Runner, target: Path) -> None:
    """Write a static busybox to `target`: from this machine, else from Debian's package."""
    for found in runner.places("busybox"):
        if _is_static(found):
            _install(found, target)
            return
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        folder = Path(scratch)
        try:
            await runner.run(["apt-get", "download", "busybox-static"], cwd=folder, deadline=300)
            package = _only(folder, "*.deb")
            await runner.run(["dpkg-deb", "--extract", str(package), str(folder / "root")], deadline=60)
            _install(_only(folder, "root/**/bin/busybox"), target)
        except KbootstrapError as error:
            raise PrerequisiteMissing(
                "building from source needs a static busybox, and none is on this machine",
                hint="on Debian and Ubuntu: apt-get install busybox-static",
                detail=error.detail or error.message,
                code="KB0908",
            ) from error


def _is_static(program: Path) -> bool:
    """Return whether a program is statically linked; False for scripts and for other processors."""
    with program.open("rb") as file, Path(sys.executable).open("rb") as own:
        head, machine = file.read(4096), own.read(_ELF_MACHINE.stop)[_ELF_MACHINE]
    foreign = head.startswith(b"\x7fELF") and head[_ELF_MACHINE] not in (b"", machine)
    return _ELF_INTERPRETER not in head and not head.startswith(b"#!") and not foreign


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise PrerequisiteMissing(f"no file like {pattern} came out of the package busybox-static")
    return found[0]


def _install(program: Path, target: Path) -> None:
    shutil.copyfile(program, target)
    target.chmod(0o755)
