"""What vendors publish for a version: file names, where they are, and the list of their checksums.

Distributions know their own. Sources: the release pages of github.com/opentofu/opentofu; providers as
registries ask for them (registry documentation of OpenTofu, "Publishing Providers").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kbootstrap import distros
from kbootstrap.core.errors import KbootstrapError, WrongUsage
from kbootstrap.distros.release import Release
from kbootstrap.spec import distributions

BASE = "https://github.com"
"""Where releases are unless `KBOOTSTRAP_RELEASES_URL` names another server with the same paths."""
ARCHITECTURES = ("amd64", "arm64")
_VERSION = re.compile(r"v\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?(\+[0-9A-Za-z.]+)?")
_SUM = re.compile(r"([0-9a-fA-F]{64})[ \t]+[*]?(\S+)")


def of(distribution: str, version: str, arch: str) -> Release:
    """Return what the vendor publishes for a version of a distribution.

    Raises `WrongUsage` (KB0901) for versions, architectures and names that no vendor has.
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
    return distros.find(distribution).release(version, arch)


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
    """Return the folders that may have a release, in the order of asking; `base` is the vendor's server."""
    return [*([wanted.mirror(mirror)] if mirror else []), wanted.vendor(base or BASE)]


def check_version(version: str) -> None:
    """Refuse what cannot be a version: it becomes part of paths and of URLs."""
    if not _VERSION.fullmatch(version):
        raise WrongUsage(
            f"{version!r} is not a version",
            hint=f"write it as the vendor does: {distributions.default().version.example}",
            code="KB0901",
        )


def check_base(url: str) -> None:
    """Refuse a mirror that cannot be asked."""
    if not re.fullmatch(r"(https?://[^/@\s]+(/\S*)?|file:///.*)", url):
        raise KbootstrapError(
            "the mirror's URL must begin with https://, http:// or file:///, without a password in it",
            hint="set artifacts.mirror to the folder that holds one folder for each version",
            code="KB0901",
        )


def parse_sums(text: str) -> Mapping[str, str]:
    """Read a list of checksums, one `<hash>  <name>` a line. Other lines are ignored."""
    return {
        found[2].rsplit("/", 1)[-1]: found[1].lower()
        for line in text.splitlines()
        if (found := _SUM.fullmatch(line.strip()))
    }
