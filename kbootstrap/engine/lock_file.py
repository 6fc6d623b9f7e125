"""Reads, compares and writes the lock file beside the spec."""

from __future__ import annotations

import difflib

from kbootstrap.core import files
from kbootstrap.spec import lock as locks
from kbootstrap.spec import lockfile
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Spec


def settled_lock(spec: Spec) -> Lock:
    """Return the lock of a spec with addresses for every pool. Writes nothing."""
    return locks.allocate(spec, lockfile.load(locks.lock_path(spec.path)))


def keep_lock(spec: Spec, lock: Lock) -> bool:
    """Write the lock file if its content changes; return whether it did."""
    return files.write_if_changed(locks.lock_path(spec.path), locks.dump(lock))


def lock_differences(spec: Spec, lock: Lock) -> str:
    """Return the changes of the lock file as a unified diff; empty if there are none."""
    path = locks.lock_path(spec.path)
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), locks.dump(lock).splitlines(keepends=True), path.name, path.name, n=2
    )
    return "".join(lines)
