"""Arguments of the kubelet that a version of k3s needs."""

from __future__ import annotations

import re

_MINOR, _FIXED = (1, 32), 4


def arguments(version: str) -> list[str]:
    """Return the arguments of the kubelet that close what this version leaves open.

    k3s 1.32 before 1.32.4 passes the kubelet's settings in a file, from which a port of 0 is omitted. The
    kubelet then serves its read-only port, 10255, without authentication (CVE-2025-46599).
    """
    found = re.match(r"v(\d+)\.(\d+)\.(\d+)", version)
    if found is None:
        return []
    major, minor, patch = map(int, found.groups())
    return ["read-only-port=0"] if (major, minor) == _MINOR and patch < _FIXED else []
