"""Runs kbootstrap in a process of its own, and measures that process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_SAMPLE = 0.02
"""Seconds between two looks at the open sockets."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: seconds of wall and of processor (user and system), memory in MiB, most sockets at once."""

    status: int
    wall: float
    processor: float
    memory: float
    sockets: int
    output: str

    def numbers(self) -> dict[str, Any]:
        """Return the figures for a result."""
        found = asdict(self)
        return {name: round(found[name], 2) for name in ("wall", "processor", "memory", "sockets")}


def run(arguments: list[str], folder: Path, env: Mapping[str, str] | None = None) -> Measured:
    """Run `kbootstrap` with arguments in a folder, and measure it; blocks until it has ended."""
    output = folder / "output"
    begun = time.monotonic()
    with output.open("wb") as sink:
        child = subprocess.Popen(
            [sys.executable, "-m", "kbootstrap", *arguments],
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
        ended, most = threading.Event(), [0]
        watcher = threading.Thread(target=_watch, args=(child.pid, ended, most))
        watcher.start()
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - begun
        ended.set()
        watcher.join()
    child.returncode = os.waitstatus_to_exitcode(status)
    return Measured(
        status=child.returncode,
        wall=wall,
        processor=used.ru_utime + used.ru_stime,
        memory=used.ru_maxrss / 1024,
        sockets=most[0],
        output=output.read_text(encoding="utf-8", errors="replace"),
    )


def _watch(pid: int, ended: threading.Event, most: list[int]) -> None:
    folder = Path(f"/proc/{pid}/fd")
    while not ended.wait(_SAMPLE):
        try:
            links = [str(one.readlink()) for one in folder.iterdir()]
        except OSError:  # a descriptor was closed meanwhile
            continue
        most[0] = max(most[0], sum(link.startswith("socket:") for link in links))
