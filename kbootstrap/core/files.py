"""Writes files on the operator's machine: atomically, with an explicit mode. All writes go through here."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kbootstrap.core.errors import Locked, PrerequisiteMissing


def write(path: Path, content: str | bytes, *, mode: int = 0o644) -> None:
    """Write `content` to `path` atomically: readers see either the old file or the new one.

    Parent folders are created with mode 0700 when the file is private (no bits for group and others), else
    according to the umask. A symbolic link is followed, so that its target changes.

    Raises `PrerequisiteMissing` when the disk is full or the path is not writable.
    """
    target = path.resolve()
    data = content.encode() if isinstance(content, str) else content
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o777 if mode & 0o077 else 0o700)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fchmod(stream.fileno(), mode)
                os.fsync(stream.fileno())
            Path(name).replace(target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise PrerequisiteMissing(f"cannot write {path}: {error.strerror}") from error


def write_if_changed(path: Path, content: str | bytes, *, mode: int = 0o644) -> bool:
    """Write only when content or mode differ; return whether the file was written."""
    data = content.encode() if isinstance(content, str) else content
    with contextlib.suppress(OSError):
        if path.read_bytes() == data and path.stat().st_mode & 0o777 == mode:
            return False
    write(path, data, mode=mode)
    return True


@contextlib.contextmanager
def locked(path: Path, *, wait: float, holder: str = "another process") -> Iterator[None]:
    """Hold an advisory lock on `path` (created when missing, mode 0600); `wait` is seconds.

    `holder` describes this process and is written to the file, so that a waiting process can report it. The
    lock is released when its process ends. Raises `Locked`, with the holder, when it cannot be acquired in
    time.
    """
    end = time.monotonic() + wait
    handle = _open(path)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(handle, path):
                    break
                # The holder has removed the file, and a lock on an unlinked file protects nothing.
                unlinked, handle = handle, _open(path)
                os.close(unlinked)
            except BlockingIOError:
                if time.monotonic() >= end:
                    said = os.pread(handle, 400, 0).decode("utf-8", "replace").strip()
                    raise Locked(
                        f"{path} is locked by {said or 'another process'}",
                        hint="wait until that run has ended, then run the same command again",
                    ) from None
                time.sleep(0.05)
        os.ftruncate(handle, 0)
        os.pwrite(handle, holder.encode(), 0)
        yield
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise PrerequisiteMissing(f"cannot lock {path}: {error.strerror}") from error


def _is_at(handle: int, path: Path) -> bool:
    """Return whether an open file is still the file at `path`."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False
