"""The pins of a lock file other than addresses: images, artifacts, OpenTofu's providers; and their format."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.+/-]*")


@dataclass(frozen=True, slots=True)
class ImagePin:
    """The image of a cluster: the name that was looked up, and its ID at that time."""

    name: str
    id: str


@dataclass(frozen=True, slots=True)
class ArtifactPin:
    """One version of a distribution.

    `published` has the SHA-256 of each file as published by the vendor or the spec's mirror; empty if neither
    responded at the time of the lookup. `recipe` is the SHA-256 of all inputs of a build from source; None if
    there is no recipe.
    """

    published: Mapping[str, str] = field(default_factory=dict)
    recipe: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderPin:
    """A provider of OpenTofu: its exact version, and the accepted hashes (`h1:…`, `zh:…`) of its packages."""

    version: str
    hashes: tuple[str, ...] = ()


Artifacts = Mapping[str, Mapping[str, ArtifactPin]]
"""By distribution, by version."""


def used(artifacts: Artifacts, wanted: Iterable[tuple[str, str]]) -> dict[str, dict[str, ArtifactPin]]:
    """Return the artifacts that are `wanted`, by distribution and version."""
    found: dict[str, dict[str, ArtifactPin]] = {}
    for name, version in sorted(set(wanted)):
        if (pin := artifacts.get(name, {}).get(version)) is not None:
            found.setdefault(name, {})[version] = pin
    return found


def dump_images(images: Mapping[str, ImagePin]) -> str:
    """Return the lines of the lock file about images."""
    text = "images:\n" if images else ""
    for cluster, image in sorted(images.items()):
        text += f"  {quoted(cluster)}: {{name: {json.dumps(image.name)}, id: {json.dumps(image.id)}}}\n"
    return text


def dump_artifacts(artifacts: Artifacts) -> str:
    """Return the lines of the lock file about artifacts, one hash a line."""
    text = "artifacts:\n" if artifacts else ""
    for name, versions in sorted(artifacts.items()):
        text += f"  {quoted(name)}:\n"
        for version, pin in sorted(versions.items()):
            text += f"    {quoted(version)}:\n"
            text += "      published:\n" if pin.published else ""
            text += "".join(f'        {quoted(f)}: "{sha}"\n' for f, sha in sorted(pin.published.items()))
            text += f'      recipe: "{pin.recipe}"\n' if pin.recipe else ""
    return text


def dump_providers(providers: Mapping[str, ProviderPin]) -> str:
    """Return the lines of the lock file about OpenTofu's providers, one hash a line."""
    text = "providers:\n" if providers else ""
    for source, pin in sorted(providers.items()):
        text += f'  {quoted(source)}:\n    version: "{pin.version}"\n'
        text += "    hashes:\n" if pin.hashes else ""
        text += "".join(f"      - {json.dumps(one)}\n" for one in sorted(pin.hashes))
    return text


def quoted(name: str) -> str:
    """Quote names that YAML would not read as strings (`1`, `null`, `true`, `1e3`)."""
    reserved = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
    return name if _PLAIN.fullmatch(name) and name.lower() not in reserved else json.dumps(name)
