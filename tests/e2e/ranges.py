"""Address ranges for the clusters of tests: none that this machine routes or that a container network has."""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from ipaddress import IPv4Network
from pathlib import Path
from typing import IO

_CHOICE = range(128, 250)
"""Second numbers of `10.<number>.0.0/16`; pods and Services of Kubernetes have lower ones."""


_claims: list[IO[bytes]] = []
"""Locked files, one for each number that this process has taken; the kernel unlocks them when it ends."""


def free() -> str:
    """Return the first two numbers of a free /16, `10.237`: another one for each caller, of any process."""
    folder = Path(tempfile.gettempdir(), "kbootstrap-e2e-ranges")
    folder.mkdir(exist_ok=True)
    return f"10.{next(number for number in choose(taken()) if claim(folder / str(number)))}"


def claim(path: Path) -> bool:
    """Lock a file until this process ends; return False if a process has locked it already."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    _claims.append(file)
    return True


def choose(used: Iterable[IPv4Network]) -> list[int]:
    """Return the numbers whose networks overlap none of `used`."""
    busy = list(used)
    return [n for n in _CHOICE if not any(IPv4Network(f"10.{n}.0.0/16").overlaps(one) for one in busy)]


def taken() -> set[IPv4Network]:
    """Return the networks of this machine: its routes, and what the container engines have."""
    return routes(Path("/proc/net/route").read_text(encoding="utf-8")) | {
        network for name in ("docker", "podman") if shutil.which(name) for network in _of_engine(name)
    }


def routes(table: str) -> set[IPv4Network]:
    """Read the kernel's table of routes: hexadecimal numbers in the machine's byte order, little endian."""
    found = set()
    for line in table.splitlines()[1:]:
        words = line.split()
        target, mask = (int.from_bytes(bytes.fromhex(words[n]), "little") for n in (1, 7))
        if mask:
            found.add(IPv4Network((target, mask.bit_count())))
    return found


def _of_engine(name: str) -> set[IPv4Network]:
    def ask(*words: str) -> str:
        return subprocess.run([name, *words], capture_output=True, text=True, check=False).stdout

    listed = ask("network", "ls", "-q").split()
    return networks(ask("network", "inspect", *listed)) if listed else set()


def networks(text: str) -> set[IPv4Network]:
    """Return the IPv4 networks that a text names."""
    found = re.findall(r'"(\d+\.\d+\.\d+\.\d+/\d+)"', text)
    return {IPv4Network(one, strict=False) for one in found}
