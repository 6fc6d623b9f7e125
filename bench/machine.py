"""Describes the machine of a measurement: figures without it say little."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TOOLS = {
    "tofu": ("tofu", "version"),
    "docker": ("docker", "--version"),
    "podman": ("podman", "--version"),
    "ssh": ("ssh", "-V"),
}


def machine() -> Mapping[str, Any]:
    """Return processor, cores, memory, kernel, load, and the versions of tools."""
    return {
        "cpu": cpu(_read("/proc/cpuinfo")) or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_mib": memory(_read("/proc/meminfo")),
        "kernel": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "tools": {name: said for name, command in _TOOLS.items() if (said := _version(*command))},
    }


def cpu(text: str) -> str:
    """Return the model from the text of /proc/cpuinfo; empty where it has none."""
    return next(
        (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), ""
    )


def memory(text: str) -> int | None:
    """Return the MiB of memory from the text of /proc/meminfo."""
    found = [line.split()[1] for line in text.splitlines() if line.startswith("MemTotal:")]
    return int(found[0]) // 1024 if found else None


def commit() -> str:
    """Return the checked out commit, with `-changed` where tracked files differ from it."""
    found = _git("rev-parse", "--short=12", "HEAD") or "unknown"
    return f"{found}-changed" if _git("status", "--porcelain", "--untracked-files=no") else found


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _version(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return next(iter((done.stdout or done.stderr).splitlines()), "")


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
