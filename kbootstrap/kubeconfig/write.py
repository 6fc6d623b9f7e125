"""Writes kubeconfig files: only if changed, atomically, with mode 0600, keeping the owner."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from kbootstrap.core import files
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.kubeconfig.read import Kubeconfig

MODE = 0o600
"""Read access to the file gives administrator access to its clusters."""


def write(document: Kubeconfig, text: str) -> bool:
    """Write a file's new text if it differs; return whether it was written. The caller holds the lock.

    Raises `PrerequisiteMissing` (KB1003); the file is then unchanged.
    """
    if text == document.text:
        return False
    write_text(document.path, text)
    return True


def write_text(path: Path, text: str) -> None:
    """Write kubeconfig text to `path` atomically; a symbolic link is kept and its target changes."""
    try:
        owner = path.stat()
    except OSError:
        owner = None
    try:
        if owner is not None and not path.is_file():  # KUBECONFIG=/dev/null must not replace the device
            raise PrerequisiteMissing(f"cannot write {path}: it is not a regular file")
        files.write(path, text, mode=MODE)
    except PrerequisiteMissing as error:
        raise PrerequisiteMissing(
            error.message,
            code="KB1003",
            hint="make it writable, or name another file in KUBECONFIG",
        ) from error
    if owner is not None and os.geteuid() == 0 and owner.st_uid != 0:
        with contextlib.suppress(OSError):  # under sudo the user's file must stay the user's
            os.chown(path, owner.st_uid, owner.st_gid)
