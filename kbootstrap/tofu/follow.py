"""Redirects a program's output to a file, and reads the file while it grows.

A pipe would end with kbootstrap: OpenTofu exits at its next output when the reader is gone (SIGPIPE), and
loses what it made since it last saved its state, up to 20 s before. Writing to a file it finishes its work
when kbootstrap is killed, saves the state and releases the lock, and the next run continues from there.

Not every backend has a lock (S3 without `locking`). So the shell that runs the program holds one on this
machine for as long as the program lives (see `settle.py`). Only the shell has it, not the program: what that
leaves running (containers, plugins) would keep it. Python takes it, since not every system has flock(1).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Self

from kbootstrap.core import files
from kbootstrap.core.process import OnLine

_PAUSE = 0.1
"""Seconds between looks at the file."""


_SCRIPT = """
out=$1 python=$2; shift 2
trap : INT TERM HUP
exec 9>>"${out%/*}/kbootstrap.lock" || exit 1
"$python" -IS -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null
"$@" >>"$out" 2>&1 9>&-
"""
"""An interrupt reaches the shell too, which then still waits for the program. A run that starts although the
lock is held (`settled` let it through) continues to the lock of the state, whose error names the holder."""


def redirected(command: Sequence[str], out: Path) -> list[str]:
    """Return the command line that runs `command` with both outputs appended to `out`.

    It holds the lock `busy()` in the folder of `out`.
    """
    return ["/bin/sh", "-c", _SCRIPT, "sh", str(out), sys.executable, *command]


def busy(folder: Path) -> bool:
    """Return whether a redirected program with its `out` in `folder` still runs on this machine."""
    try:
        handle = os.open(folder / "kbootstrap.lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


@contextlib.asynccontextmanager
async def followed(out: Path, on_line: OnLine) -> AsyncIterator[None]:
    """Recreate `out` (0600) and pass its lines to `on_line` as they are written.

    The file is removed afterwards. One left by a killed run is replaced: a process that still writes to it
    continues writing to the old one.
    """
    files.write(out, b"", mode=0o600)
    ended = asyncio.Event()
    following = asyncio.create_task(_follow(_Tail(out, on_line), ended))
    try:
        yield
    finally:
        ended.set()
        try:
            await following
        finally:
            _remove(out)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


async def _follow(tail: _Tail, ended: asyncio.Event) -> None:
    with tail:
        while not ended.is_set():
            tail.read()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE):
                    await ended.wait()
        tail.read(last=True)


class _Tail:
    """Reads the lines that are appended to a file."""

    def __init__(self, path: Path, on_line: OnLine) -> None:
        self._stream = path.open("rb")
        self._on_line = on_line
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, *, last: bool = False) -> None:
        """Pass on the complete lines; with `last` also one without a newline."""
        *lines, self._rest = (self._rest + self._stream.read()).split(b"\n")
        if last and self._rest:
            lines.append(self._rest)
        for line in lines:
            self._on_line(line.decode("utf-8", "replace").rstrip("\r"))
