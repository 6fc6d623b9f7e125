"""The installation that runs, as the content of an image: interpreter, packages, libraries.

The packages are those that the server of Cluster Autoscaler needs, by their metadata. Libraries are those
that the dynamic loader of this machine finds (ldd(1)); what a wheel brings along stays beside its module.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import sys
import sysconfig
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from kbootstrap.artifacts.source.images import ACCOUNTS
from kbootstrap.artifacts.source.pack import Data, Entry
from kbootstrap.core import resources
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.process import Runner

PYTHON = "opt/python"
"""Where the image has everything. `PYTHONHOME` names it: nothing depends on where it was on this machine."""
CONFIG: Mapping[str, object] = {
    "Entrypoint": [f"/{PYTHON}/bin/python3", "-P", "-m", "kbootstrap"],
    "Env": [
        f"PATH=/{PYTHON}/bin",
        f"PYTHONHOME=/{PYTHON}",
        f"LD_LIBRARY_PATH=/{PYTHON}/lib",
        "PYTHONDONTWRITEBYTECODE=1",
    ],
    "User": "65534:65534",
    "WorkingDir": "/",
}
EXTRAS = ("autoscaler", "openstack")
_NSSWITCH = Data(b"passwd: files\ngroup: files\nhosts: files dns\n")
_BESIDE_LIBC = ("libgcc_s.so.1", "libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2")
"""Libraries that the C library opens by name, so that no file needs them (before glibc 2.34, nsswitch)."""
_NOT_OF_STDLIB = frozenset(
    {"__pycache__", "dist-packages", "ensurepip", "idlelib", "lib2to3", "site-packages", "test", "tkinter"}
)
_LDD = 600.0
"""Seconds for ldd(1), which starts a process for each of some hundred files."""
_NO_MODULE = re.compile(r"(_tkinter|_test|_ctypes_test|xx).*\.so$")
_LIBRARY = re.compile(r"^\s*(?:(?P<name>\S+) => )?(?P<path>/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)
_REQUIRED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[(?P<extras>[^\]]*)\])?[^;]*;?(?P<marker>.*)")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w.-]+)['\"]")


@dataclass(frozen=True, slots=True)
class Installation:
    """Where an installation is. `stdlib` is the folder of the standard library, named as `pythonX.Y`."""

    interpreter: Path
    stdlib: Path
    package: Path
    data: Mapping[str, Path]

    @classmethod
    def own(cls) -> Installation:
        """Return the one that runs."""
        package = Path(__file__).parents[2]
        data = {"schemas": resources.schemas(), "terraform-modules": resources.terraform_modules()}
        stdlib = Path(sysconfig.get_path("stdlib"))
        return cls(Path(os.path.realpath(sys.executable)), stdlib, package, data)


def packages(own: Installation, extras: Iterable[str] = EXTRAS) -> Mapping[str, metadata.Distribution]:
    """Return the installed packages that kbootstrap with these extras needs, by name, without itself.

    A requirement that is not installed is one of another platform or version of Python.
    """
    found: dict[str, metadata.Distribution] = {}
    wanted = list(_requirements(_own_requirements(own), frozenset(extras)))
    seen: set[tuple[str, frozenset[str]]] = set()
    while wanted:
        one = wanted.pop()
        if one in seen:
            continue
        seen.add(one)
        try:
            there = metadata.distribution(one[0])
        except metadata.PackageNotFoundError:
            continue
        found[_normal(one[0])] = there
        wanted += _requirements(there.requires or (), one[1])
    return found


def _own_requirements(own: Installation) -> Iterable[str]:
    """Return what kbootstrap requires: from its metadata, or from the project file of a checkout."""
    project = own.package.parent / "pyproject.toml"
    if not project.is_file():
        return metadata.requires("kbootstrap") or ()
    declared = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    optional = declared["optional-dependencies"].items()
    extras = (f"{line}; extra == '{extra}'" for extra, lines in optional for line in lines)
    return (*declared["dependencies"], *extras)


def _requirements(lines: Iterable[str], extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the required packages, each with its extras."""
    for line in lines:
        if (required := _REQUIRED.match(line)) is None:
            continue
        asked = _EXTRA.search(required["marker"])
        if asked is None or _normal(asked[1]) in {_normal(extra) for extra in extras}:
            more = (required["extras"] or "").split(",")
            yield required["name"], frozenset(extra.strip() for extra in more if extra.strip())


async def content(
    found: Installation, needed: Mapping[str, metadata.Distribution], runner: Runner
) -> Mapping[str, Entry]:
    """Return the files of the image. Raises `PrerequisiteMissing` (KB1408) where they cannot be found."""
    if sys.platform != "linux" or runner.which("ldd") is None:
        raise _unusable("the image is made of programs for Linux", "run the command on a machine with Linux")
    modules = f"{PYTHON}/lib/{found.stdlib.name}"
    files: dict[str, Entry] = {f"{PYTHON}/bin/python3": Data(found.interpreter, 0o755)}
    files |= {f"{modules}/{name}": _data(path) for name, path in _stdlib(found.stdlib)}
    own = f"{modules}/site-packages"
    for name, package in sorted(needed.items()):
        files |= {f"{own}/{path}": _data(place) for path, place in _files(name, package)}
    roots = {"": found.package, **{f"data/{name}/": path for name, path in found.data.items()}}
    for begin, folder in roots.items():
        files |= {f"{own}/kbootstrap/{begin}{name}": _data(path) for name, path in _tree(folder)}
    return {**ACCOUNTS, "etc/nsswitch.conf": _NSSWITCH, **files, **await _libraries(files, runner)}


def digest(files: Mapping[str, Entry]) -> str:
    """Return a SHA-256 over the names, modes and contents of files."""
    total = hashlib.sha256()
    for name, entry in sorted(files.items()):
        content = entry.content if isinstance(entry, Data) else repr(entry).encode()
        data = content if isinstance(content, bytes) else content.read_bytes()
        mode = entry.mode if isinstance(entry, Data) else 0
        total.update(f"{name} {mode:o} {hashlib.sha256(data).hexdigest()}\n".encode())
    return total.hexdigest()


def _stdlib(folder: Path) -> Iterator[tuple[str, Path]]:
    for name, path in _tree(folder, _NOT_OF_STDLIB):
        if not name.startswith(("config-", "turtledemo/")) and not _NO_MODULE.match(path.name):
            yield name, path


def _tree(folder: Path, without: frozenset[str] = frozenset({"__pycache__"})) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder, with their names relative to it."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted({*folders} - without)
        for name in sorted(names):
            path = Path(place, name)
            if path.is_file():
                yield str(path.relative_to(folder)), path


def _files(name: str, package: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    """Yield the files of a package that belong beside other packages; scripts and caches do not."""
    if package.files is None:
        raise _unusable(f"the package {name} has no list of its files", "install it with pip")
    for path in package.files:
        place = Path(str(package.locate_file(path)))
        outside = ".." in path.parts or path.is_absolute() or "__pycache__" in path.parts
        if not outside and path.name != "direct_url.json" and place.is_file():
            yield str(path), place


def _data(path: Path) -> Data:
    return Data(path, 0o755 if os.access(path, os.X_OK) else 0o644)


async def _libraries(files: Mapping[str, Entry], runner: Runner) -> Mapping[str, Entry]:
    """Return the libraries that programs and modules need besides files that are there already."""
    places = [entry.content for entry in files.values() if isinstance(entry, Data)]
    paths = [path for path in places if isinstance(path, Path) and _is_program(path)]
    said = await runner.run(
        ["ldd", *map(str, paths)], deadline=_LDD, env={**os.environ, "LC_ALL": "C"}, check=False
    )
    found = [(line["name"], Path(line["path"])) for line in _LIBRARY.finditer(said.stdout)]
    return await asyncio.to_thread(_placed, found, {path.resolve() for path in paths})


def _placed(found: Iterable[tuple[str | None, Path]], there: Collection[Path]) -> Mapping[str, Entry]:
    """Return libraries at their places in the image, without those that are `there`.

    The loader has no name, and stays at the path that programs name.
    """
    placed: dict[str, Entry] = {}
    for name, path in found:
        if path.resolve() not in there:
            placed[f"{PYTHON}/lib/{name}" if name else str(path).lstrip("/")] = Data(path, 0o755)
        if name == "libc.so.6":
            beside = [path.with_name(other) for other in _BESIDE_LIBC if path.with_name(other).is_file()]
            placed |= {f"{PYTHON}/lib/{one.name}": Data(one, 0o755) for one in beside}
    return placed


def _is_program(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _normal(name: str) -> str:
    """Return the name of a package as it is compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _unusable(what: str, hint: str) -> PrerequisiteMissing:
    return PrerequisiteMissing(f"the image of the server cannot be packed: {what}", hint=hint, code="KB1408")
