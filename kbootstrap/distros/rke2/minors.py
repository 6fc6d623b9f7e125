"""What changed in which minor version of RKE2, as a table.

Sources: docs.rke2.io, release notes of the versions named here; "Air-Gap Install" (conditional import of
images); "Migrating from Ingress NGINX to Traefik"; "CIS Hardening Guide" (the name of the profile is `cis` in
all of them).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple


class Patch(NamedTuple):
    """A release within its minor version: v1.32.11+rke2r3 is (11, 3)."""

    patch: int
    release: int


_ALWAYS, _NEVER = Patch(0, 0), Patch(999, 0)


@dataclass(frozen=True, slots=True)
class Minor:
    """One minor version.

    `conditional_import` is the first release that imports only changed image archives when `.cache.json` is
    beside them; before that, every start imports all of them. `safe_etcd` is the first one with etcd 3.5.26,
    the only release of etcd 3.5 from which the way to 3.6 is safe; `etcd_3_6` the first one with etcd 3.6.
    `ingress` maps ingress controllers to the image archive with their images; empty: the core's.
    """

    number: int
    conditional_import: Patch
    safe_etcd: Patch
    etcd_3_6: Patch
    ingress: tuple[tuple[str, str], ...]


_OLD = (("ingress-nginx", ""), ("traefik", "traefik"))
_NEW = (("traefik", ""), ("ingress-nginx", "ingress-nginx"))
MINORS = (
    # 1.31 is the first one with the key `ingress-controller`.
    Minor(31, Patch(9, 1), _NEVER, _NEVER, _OLD),
    Minor(32, Patch(5, 1), Patch(11, 3), _NEVER, _OLD),
    Minor(33, Patch(1, 1), Patch(7, 3), Patch(11, 1), _OLD),
    Minor(34, _ALWAYS, _ALWAYS, _ALWAYS, _OLD),
    Minor(35, _ALWAYS, _ALWAYS, _ALWAYS, _OLD),
    # Traefik is the default instead of ingress-nginx, whose last minor this is.
    Minor(36, _ALWAYS, _ALWAYS, _ALWAYS, _NEW),
    Minor(37, _ALWAYS, _ALWAYS, _ALWAYS, _NEW[:1]),
)


def of(version: str) -> Minor | None:
    """Return the row of a version; newer minors than the table has are like its last. None for older ones."""
    number = _numbers(version)[1]
    return next((row for row in reversed(MINORS) if row.number <= number), None)


def imports_conditionally(version: str) -> bool:
    """Return whether this release imports only changed image archives."""
    row = of(version)
    return row is not None and _patch(version) >= row.conditional_import


def unsafe_etcd(old: str, new: str) -> bool:
    """Return whether an upgrade leads from an etcd 3.5 before 3.5.26 to etcd 3.6."""
    before, after = of(old), of(new)
    if before is None or after is None or _patch(new) < after.etcd_3_6:
        return False
    return _patch(old) < before.etcd_3_6 and _patch(old) < before.safe_etcd


def _patch(version: str) -> Patch:
    numbers = _numbers(version)
    return Patch(numbers[2], numbers[3])


def _numbers(version: str) -> tuple[int, int, int, int]:
    """Return major, minor, patch and release; 0 for those that a version does not have."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)(?:-[0-9a-z.]+)?\+rke2r(\d+)", version)
    if found is None:
        return 0, 0, 0, 0
    major, minor, patch, release = map(int, found.groups())
    return major, minor, patch, release
