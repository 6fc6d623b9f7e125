"""The spec language's traits of each Kubernetes distribution: `schemas/distributions/<name>.json` as data.

Rules and formats use this module, because this package does not import `distros/`, where the same traits are
part of the `Distribution`. A new distribution is a new file; a test compares `enum` in `spec.json` with the
files.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass

from kbootstrap.core import resources
from kbootstrap.spec import schemas

_NUMBER = r"v\d{1,3}\.\d{1,3}\.\d{1,3}(-(rc|alpha|beta)\d{0,3}(\.\d{1,3})?)?"
"""The Kubernetes version in the name of a release."""


@dataclass(frozen=True, slots=True)
class VersionForm:
    """The form of release names: the Kubernetes version, `mark`, and the vendor's own number."""

    mark: str
    example: str

    @property
    def pattern(self) -> str:
        """The regular expression of a full version."""
        return rf"{_NUMBER}{re.escape(self.mark)}\d{{1,3}}"

    def fits(self, version: str) -> bool:
        """Return whether this is a full version of the distribution."""
        return re.fullmatch(self.pattern, version) is not None

    def first(self, number: str) -> str:
        """Return the first release of a Kubernetes version (`v1.32.0`)."""
        return f"{number}{self.mark}1"


@dataclass(frozen=True, slots=True)
class DistributionTraits:
    """One distribution.

    `title` is its name in sentences; `supported`: whether `apply` can install it. `disable` are the packaged
    components that are left out where the spec does not say which. `licence` is that of its programs (SPDX).
    """

    name: str
    title: str
    version: VersionForm
    supported: bool
    disable: tuple[str, ...]
    licence: str


@functools.cache
def names() -> tuple[str, ...]:
    """Return the names of all distributions, sorted."""
    return tuple(sorted(path.stem for path in (resources.schemas() / "distributions").glob("*.json")))


@functools.cache
def traits(name: str) -> DistributionTraits:
    """Return the traits of a distribution; KeyError if there is none of that name."""
    if name not in names():
        raise KeyError(name)
    raw = json.loads((resources.schemas() / "distributions" / f"{name}.json").read_text("utf-8"))
    return DistributionTraits(
        name,
        raw["title"],
        VersionForm(**raw["version"]),
        raw["supported"],
        tuple(raw["disable"]),
        raw["licence"],
    )


def default() -> DistributionTraits:
    """Return the default distribution."""
    kubernetes = schemas.spec()["definitions"]["cluster"]["properties"]["kubernetes"]
    return traits(kubernetes["properties"]["distribution"]["default"])


def every() -> tuple[DistributionTraits, ...]:
    """Return the traits of all distributions, in the order of their names."""
    return tuple(map(traits, names()))


def of_version(version: str) -> DistributionTraits | None:
    """Return the distribution to which this full version belongs, or None."""
    return next((one for one in every() if one.version.fits(version)), None)
