"""Files that vendors publish for a version: names, URLs, and the list of checksums.

Each distribution describes its own releases. Sources: the release pages of github.com/opentofu/opentofu; for
providers, the layout that registries require (registry documentation of OpenTofu, "Publishing Providers").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kbootstrap import distros
from kbootstrap.core.errors import KbootstrapError, WrongUsage
from kbootstrap.distros.model import Distribution
from kbootstrap.distros.release import Release
from kbootstrap.spec import distributions

BASE = "https://github.com"
"""Default server of releases; `KBOOTSTRAP_RELEASES_URL` may name another server with the same paths."""
ARCHITECTURES = ("amd64", "arm64")
_VERSION = re.compile(r"v\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?(\+[0-9A-Za-z.]+)?")
_SUM = re.compile(r"([0-9a-fA-F]{64})[ \t]+[*]?(\S+)")


def of(distribution: str, version: str, arch: str, chosen: Distribution | None = None) -> Release:
    """Return the vendor's release of a version of a distribution.

    `chosen` is the distribution with a cluster's choices; without it, the files are those of its defaults.
    Raises `WrongUsage` (KB0901) for invalid versions and unknown architectures and names.
    """
    check_version(version)
    if arch not in ARCHITECTURES:
        raise WrongUsage(
            f"there are no artifacts for the architecture {arch!r}",
            hint=f"write {' or '.join(ARCHITECTURES)}",
            code="KB0901",
        )
    if distribution not in distros.names():
        raise WrongUsage(
            f"there are no artifacts named {distribution!r}",
            hint=f"write {', '.join(distros.names())} or tofu",
            code="KB0901",
        )
    return (chosen or distros.find(distribution)).release(version, arch)


def tofu(version: str, arch: str) -> Release:
    """Return the release of OpenTofu; `version` without the leading v."""
    check_version(f"v{version}")
    name = f"tofu_{version}_linux_{arch}.zip"
    return Release("opentofu/opentofu", f"v{version}", (name,), f"tofu_{version}_SHA256SUMS")


def provider(source: str, version: str, arch: str) -> Release:
    """Return the release of a provider of OpenTofu: `source` is `<namespace>/<type>`, `version` without v."""
    check_version(f"v{version}")
    namespace, _, kind = source.partition("/")
    name = f"terraform-provider-{kind}_{version}"
    files = (f"{name}_linux_{arch}.zip",)
    return Release(f"{namespace}/terraform-provider-{kind}", f"v{version}", files, f"{name}_SHA256SUMS")


def folders(wanted: Release, mirror: str | None, base: str | None) -> list[str]:
    """Return the URLs that may have a release, in the order to try; `base` is the vendor's server."""
    return [*([wanted.mirror(mirror)] if mirror else []), wanted.vendor(base or BASE)]


def check_version(version: str) -> None:
    """Reject a string that is not a version: versions become part of paths and URLs."""
    if not _VERSION.fullmatch(version):
        raise WrongUsage(
            f"{version!r} is not a version",
            hint=f"write it as the vendor does: {distributions.default().version.example}",
            code="KB0901",
        )


def check_base(url: str) -> None:
    """Reject a mirror URL that cannot be used."""
    if not re.fullmatch(r"(https?://[^/@\s]+(/\S*)?|file:///.*)", url):
        raise KbootstrapError(
            "the mirror's URL must begin with https://, http:// or file:///, without a password in it",
            hint="set artifacts.mirror to the folder that holds one folder for each version",
            code="KB0901",
        )


def parse_sums(text: str) -> Mapping[str, str]:
    """Parse a list of checksums, one `<hash>  <name>` per line. Other lines are ignored."""
    return {
        found[2].rsplit("/", 1)[-1]: found[1].lower()
        for line in text.splitlines()
        if (found := _SUM.fullmatch(line.strip()))
    }
