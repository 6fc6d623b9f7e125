"""The specs of the checkout for tests: a copy, without the lock files that an operator's runs left."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
PINNED = ("exponent", "numigi", "openstack", "openstack-virtual-ip", "ovh")
"""Specs whose lock file belongs to the repository."""


def copied(source: Path, target: Path) -> Path:
    """Copy the specs of a folder, and the lock files of the repository; return the new folder."""
    for path in source.glob("*.yaml"):
        name = path.name.removesuffix(".lock.yaml")
        if name == path.name or name in PINNED:
            shutil.copy(path, target)
    return target


def _copy() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="kbootstrap-specs-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return copied(CHECKOUT / "specs", folder)


SPECS = _copy()
"""The copy of this run."""
