"""The volume of unpacked artifacts, which every node mounts read-only (`shared.py` fills it)."""

from __future__ import annotations

from kbootstrap.distros.common import SHARED

VOLUME = "kbootstrap-shared"
READ_ONLY = f"--volume={VOLUME}:{SHARED}:ro"
WRITABLE = f"--volume={VOLUME}:{SHARED}"
"""Options of `run`."""
