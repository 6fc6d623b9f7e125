"""A vendor's release of a version: file names, their location, and the list of checksums. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Release:
    """The files of one version for one architecture; `checksums` is the published list of SHA-256.

    `others` are files that clusters with other choices need; lock files pin them too.
    """

    repository: str
    tag: str
    files: tuple[str, ...]
    checksums: str
    others: tuple[str, ...] = ()

    def vendor(self, base: str) -> str:
        """Return the folder of this release on a server with GitHub's paths."""
        return f"{base.rstrip('/')}/{self.repository}/releases/download/{quote(self.tag, safe='')}"

    def mirror(self, base: str) -> str:
        """Return the folder of this release on a mirror: `<base>/<version>/`."""
        return f"{base.rstrip('/')}/{quote(self.tag, safe='')}"
