"""The recipes of the builds from source, as data: `recipes/recipes.toml` and the folders beside it."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement in a copied file; `times` is the required number of occurrences."""

    file: str
    old: str
    new: str
    times: int


@dataclass(frozen=True, slots=True)
class Copied:
    """A module whose sources are copied into the build and changed there."""

    module: str
    into: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Plugin:
    """A program that is copied as a package; `source` is the recipe folder that pins its module."""

    source: str
    package: str

    @property
    def name(self) -> str:
        """The name under which the program is started."""
        return self.package.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class GoStep:
    """One program built with Go. `seconds` is the expected wall time with an empty Go cache."""

    name: str
    title: str
    seconds: int
    folder: str
    package: str
    output: str
    tags: tuple[str, ...] = ()
    ldflags: tuple[str, ...] = ()
    cgo: bool = True
    static: bool = False
    copied: Copied | None = None
    plugins: tuple[Plugin, ...] = ()

    @property
    def folders(self) -> tuple[str, ...]:
        """The recipe folders that this step reads."""
        return tuple(dict.fromkeys((self.folder, *(p.source for p in self.plugins))))


@dataclass(frozen=True, slots=True)
class DistributionFamily:
    """The properties that all versions of a distribution share.

    `module` is its Go module, `program` the name of the program inside the archive, `links` the names of the
    links to it. `containerd` is the package that containerd reports as its own; `tags` are build tags.
    """

    name: str
    module: str
    program: str
    links: tuple[str, ...]
    containerd: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DistributionRecipe:
    """A version of a distribution that can be built. `images` maps addons to image names in its manifests.

    `family` has the properties that all versions of the distribution share.
    """

    family: DistributionFamily = field(repr=False)
    version: str
    folder: str
    commit: str
    seconds: int
    crictl: str
    containerd: str
    images: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TofuProvider:
    """A provider of OpenTofu; `source` is its address in a registry, `<namespace>/<type>`."""

    name: str
    version: str
    source: str

    @property
    def program(self) -> str:
        """The file name of its program in registries and mirrors."""
        return f"terraform-provider-{self.source.rpartition('/')[2]}_v{self.version}"

    @property
    def step(self) -> str:
        """The name of the step that builds it, and of its folder in the cache."""
        return f"provider-{self.name}"


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image of one program that can be built; `entrypoint` is the program's path in the image."""

    name: str
    version: str
    repository: str
    entrypoint: str

    @property
    def tag(self) -> str:
        """The image name that manifests refer to."""
        return f"{self.repository}:{self.version}"

    @property
    def step(self) -> str:
        """The name of the step that builds the program."""
        return f"{self.name}-{self.version}"

    def archive(self, arch: str) -> str:
        """Return the file name of the image archive."""
        return f"{self.name}-{self.version}-{arch}.tar.zst"


def go_step(name: str) -> GoStep:
    """Return the recipe of one program."""
    raw = dict(_load()["steps"][name])
    copy = raw.pop("copy", None)
    plugins = raw.pop("plugins", ())
    return GoStep(
        name=name,
        tags=tuple(raw.pop("tags", ())),
        ldflags=tuple(raw.pop("ldflags", ())),
        copied=Copied(copy["module"], copy["into"], tuple(Edit(**edit) for edit in copy["edits"]))
        if copy
        else None,
        plugins=tuple(Plugin(plugin["from"], plugin["package"]) for plugin in plugins),
        **raw,
    )


def distributions() -> tuple[str, ...]:
    """Return the names of distributions that can be built from source."""
    return tuple(_load()["distributions"])


def distribution(name: str, version: str) -> DistributionRecipe | None:
    """Return the recipe of a version of a distribution, None where there is none."""
    raw = dict(_load()["distributions"].get(name, {}))
    versions = raw.pop("versions", {})
    if version not in versions:
        return None
    family = DistributionFamily(name=name, **{key: _frozen(value) for key, value in raw.items()})
    return DistributionRecipe(family, version, **versions[version])


def distribution_versions(name: str) -> tuple[str, ...]:
    """Return the versions of a distribution that can be built from source."""
    return tuple(_load()["distributions"][name]["versions"])


def _frozen(value: Any) -> Any:  # noqa: ANN401 - a value of TOML
    return tuple(value) if isinstance(value, list) else value


def image(name: str, version: str) -> BuiltImage | None:
    """Return the recipe of an image, None where there is none for this version."""
    if name not in image_names() or version not in image_versions(name):
        return None
    raw = _load()["images"][name]
    return BuiltImage(name, version, raw["repository"], raw["entrypoint"])


def built_image(wanted: tuple[str, str]) -> BuiltImage:
    """Return the recipe of an image by name and version; KeyError where there is none."""
    found = image(*wanted)
    if found is None:
        raise KeyError(wanted)
    return found


def image_names() -> tuple[str, ...]:
    """Return the names of images that can be built."""
    return tuple(_load()["images"])


def image_versions(name: str) -> tuple[str, ...]:
    """Return the versions of an image that can be built."""
    return tuple(_load()["images"][name]["versions"])


def tofu_version() -> str:
    """Return the version of OpenTofu that kbootstrap obtains when the machine has none."""
    return str(_load()["tofu"]["version"])


def provider(name: str) -> TofuProvider:
    """Return one of OpenTofu's providers; KeyError for a provider without a recipe (`provider_names`)."""
    return TofuProvider(name=name, **_load()["providers"][name])


def provider_names() -> tuple[str, ...]:
    """Return the names of OpenTofu's providers that can be obtained without a registry."""
    return tuple(_load()["providers"])


def digest(*folders: str) -> str:
    """Return a hash over all files of recipe folders, so that a changed recipe changes the step's key."""
    total = hashlib.sha256()
    for folder in folders:
        for path in sorted((FOLDER / folder).rglob("*")):
            if path.is_file():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                total.update(f"{path.relative_to(FOLDER)} {content}\n".encode())
    return total.hexdigest()


@cache
def _load() -> Mapping[str, Any]:
    return tomllib.loads((FOLDER / "recipes.toml").read_text(encoding="utf-8"))
