"""kubectl's lock of a kubeconfig: the file `<kubeconfig>.lock`, created only if it does not exist.

Source: client-go, `clientcmd` (`lockFile`: exclusive creation beside the path as given, removed after the
write). kubectl fails immediately; kbootstrap waits briefly, because a write takes milliseconds.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from kbootstrap.core.errors import Locked, PrerequisiteMissing

WAIT = 5.0
"""Seconds."""


@contextlib.contextmanager
def locked(path: Path, *, wait: float = WAIT) -> Iterator[None]:
    """Hold the lock of the kubeconfig at `path`; `wait` is seconds.

    A lock that a killed kbootstrap process left behind is taken over: the file contains the process ID. Raises
    `Locked` (KB1004) when the lock of another program remains, `PrerequisiteMissing` (KB1003) when the folder
    is read-only.
    """
    lock = path.with_name(f"{path.name}.lock")
    end = time.monotonic() + wait
    while not _take(lock):
        if _is_ours_and_dead(lock):
            lock.unlink(missing_ok=True)
        elif time.monotonic() >= end:
            raise Locked(
                f"the kubeconfig {path} is locked by another program{_age(lock)}",
                code="KB1004",
                hint=f"if no kubectl or other tool is writing it now, the lock was left behind: rm {lock}",
            )
        else:
            time.sleep(0.02)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _take(lock: Path) -> bool:
    try:
        lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        if lock.parent.is_dir():
            return False
        raise _not_writable(lock, "its folder is a file") from None
    except OSError as error:
        raise _not_writable(lock, error.strerror or str(error)) from error
    with contextlib.suppress(OSError):  # the lock is valid without its text, for example on a full disk
        os.write(handle, f"kbootstrap {os.getpid()} on {os.uname().nodename}\n".encode())
    os.close(handle)
    return True


def _not_writable(lock: Path, why: str) -> PrerequisiteMissing:
    return PrerequisiteMissing(
        f"cannot write the kubeconfig {lock.with_suffix('')}: {why}",
        code="KB1003",
        hint="make its folder writable, or name another file in KUBECONFIG",
    )


def _is_ours_and_dead(lock: Path) -> bool:
    try:
        said = re.fullmatch(r"kbootstrap (\d+) on (\S+)\n", lock.read_text("utf-8", "replace"))
    except OSError:
        return False
    if said is None or said[2] != os.uname().nodename:
        return False
    try:
        os.kill(int(said[1]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass
    return False


def _age(lock: Path) -> str:
    try:
        seconds = max(0.0, time.time() - lock.stat().st_mtime)
    except OSError:
        return ""
    return f" for {seconds / 3600:.0f} h" if seconds >= 7200 else f" for {seconds:.0f} s"
