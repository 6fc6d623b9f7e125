"""Waits for an OpenTofu process whose kbootstrap was killed (see `follow.py`).

tofu itself would look again after 1, 2, 4, 8, 16 s; and what is read without a lock, like outputs, would be
distinguished from the middle of a run. Lock of a local state: POSIX record lock on `terraform.tfstate`
(`internal/states/statemgr/filesystem_lock_unix.go` of OpenTofu). Other backends may have no lock at all: for
those there is the lock of `follow.py`, of runs on this machine.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

from kbootstrap.core.errors import Locked
from kbootstrap.core.events import Emit, Event, Status, Type
from kbootstrap.tofu.follow import busy

STEP = "wait for another run to release the state"
LOCK_WAIT = 180
"""Seconds to wait for another run: long enough for one whose kbootstrap was killed to finish alone."""
_PAUSE = 0.2
"""Seconds between looks."""


def report_wait(emit: Emit, cluster: str, status: Status) -> None:
    """Report the wait for another run's lock: `WAITING`, then `DONE` or `FAILED`."""
    emit(Event(type=Type.STEP, cluster=cluster, step=STEP, status=status))


async def settled(root: Path, wait: float, cluster: str, emit: Emit) -> None:
    """Return when no local process works in `root` or holds its local state, or after `wait` seconds.

    Reports when it has to wait. With a local state a timeout is no error: tofu then reports the holder of the
    lock. Raises `Locked` (KB0505) while another run continues that may hold no other lock.
    """
    state, folder = root / "terraform.tfstate", root / ".terraform"
    if not _held(state) and not busy(folder):
        return
    report_wait(emit, cluster, Status.WAITING)
    loop = asyncio.get_running_loop()
    end = loop.time() + wait
    while (late := _held(state) or busy(folder)) and loop.time() < end:  # noqa: ASYNC110 (another process)
        await asyncio.sleep(_PAUSE)
    report_wait(emit, cluster, Status.FAILED if late else Status.DONE)
    if busy(folder) and not _held(state):
        raise Locked(
            f"a run of cluster {cluster} whose kbootstrap was killed is still running in {root}",
            hint="wait until it has ended (`ps` shows tofu or terraform), then run the same command again",
            code="KB0505",
        )


def _held(state: Path) -> bool:
    """Return whether the lock is held; it is acquired and released."""
    try:
        handle = os.open(state, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False  # no local state yet, or another backend
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
