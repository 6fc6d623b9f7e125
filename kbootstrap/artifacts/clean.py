"""Lists and removes the content of the cache. Everything in it can be obtained again.

Only folders and files that match kbootstrap's own names are considered. The cache folder may contain other
files too (`KBOOTSTRAP_CACHE` may name a home folder); those are never listed and never removed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kbootstrap import distros
from kbootstrap.artifacts import cache, releases
from kbootstrap.artifacts.source import recipe
from kbootstrap.core import files
from kbootstrap.core.errors import Locked

Kind = Literal["files", "image", "build", "go", "rest"]
_NAMES = (
    *distros.names(),
    "tofu",
    *(f"provider-{name}" for name in recipe.provider_names()),
    *recipe.image_names(),
)
_KEY = re.compile(r"[0-9a-f]{20}")
"""The name of a step's folder: `workshop.keys_of`."""
_SCRATCH = re.compile(r"\.([0-9a-z]+)-\w+(\.old)?")
"""The name of a folder of `cache.scratch`: the name of the final folder and a random suffix."""


@dataclass(frozen=True, slots=True)
class CacheItem:
    """One item of the cache.

    `kind`: `files` are obtained versions (`name`, `version`, `arch` set); `build` are steps of builds from
    source; `go` are Go's caches, which speed up later builds; `image` are cached node images of the `local`
    provider; `rest` are leftovers of interrupted runs.
    `size` is bytes on disk; `source` and `made` (UTC, ISO 8601) come from the manifest.
    """

    kind: Kind
    path: Path
    size: int
    name: str = ""
    version: str = ""
    arch: str = ""
    source: str = ""
    made: str = ""


def list_cached(root: Path) -> tuple[CacheItem, ...]:
    """Return everything in the cache folder `root`: obtained versions first, sorted by name and version."""
    found: list[CacheItem] = []
    for path in _folders(root / "artifacts", "*/*/*"):
        name, version, arch = path.parts[-3:]
        if name not in _NAMES:
            continue
        kept = cache.read(path)
        if kept and arch in releases.ARCHITECTURES:
            found.append(CacheItem("files", path, _size(path), name, version, arch, kept.source, kept.made))
        elif _to_be(path) in releases.ARCHITECTURES:
            found.append(CacheItem("rest", path, _size(path)))
    for path in _folders(root / "build", "*/*"):
        if _KEY.fullmatch(_to_be(path)):
            kind: Kind = "rest" if path.name.startswith(".") else "build"
            found.append(CacheItem(kind, path, _size(path), name=path.parent.name))
    images = sorted((root / "local").glob("node-*.tar"))
    found += [CacheItem("image", p, p.stat().st_size, name="node") for p in images if not p.is_symlink()]
    go = [path for path in _folders(root / "go", "*") if path.name in {"mod", "build"}]
    found += [CacheItem("go", path, _size(path), name=path.name) for path in go]
    return tuple(found)


def _folders(where: Path, pattern: str) -> list[Path]:
    """Return the folders that match the pattern, without symbolic links: their targets are not ours."""
    return [path for path in sorted(where.glob(pattern)) if path.is_dir() and not path.is_symlink()]


def _to_be(path: Path) -> str:
    """Return the final name of a folder; for a scratch folder, the name it gets when it is complete."""
    scratch = _SCRATCH.fullmatch(path.name)
    return scratch[1] if scratch else path.name


def prune(
    root: Path,
    *,
    keep: Collection[str] = (),
    kinds: Iterable[Kind] = ("build", "go", "rest"),
    dry: bool = False,
) -> tuple[CacheItem, ...]:
    """Remove items of the cache and return them; with `dry` only return the items that would be removed.

    `kinds` selects the items; versions named in `keep` (`v1.32.0+k3s1`) stay even when `kinds` includes
    `files`. Versions and builds that another process is using are skipped.
    """
    wanted = frozenset(kinds)
    chosen = [item for item in list_cached(root) if item.kind in wanted and item.version not in keep]
    if dry:
        return tuple(chosen)
    removed = []
    for item in chosen:
        with contextlib.suppress(Locked), cache.usable(item.path), files.locked(_lock(root, item), wait=0):
            if item.kind == "image":
                item.path.with_suffix(".sha256").unlink(missing_ok=True)
                item.path.unlink()
            else:
                shutil.rmtree(item.path)
            removed.append(item)
    _drop_dangling(root)
    return tuple(removed)


def _lock(root: Path, item: CacheItem) -> Path:
    """Return the lock that a process holds while it fills this item."""
    if item.kind == "files":
        return item.path.with_name(f"{item.arch}.lock")
    if item.kind == "image":
        return root / "local" / "image.lock"
    if item.path.is_relative_to(root / "artifacts"):
        return item.path.with_name(f"{item.path.name.lstrip('.').split('-')[0]}.lock")
    return root / "build" / "lock"


def _drop_dangling(root: Path) -> None:
    """Remove links to programs that are no longer in the cache."""
    for link in (root / "bin").glob("*"):
        if link.is_symlink() and not link.exists() and link.readlink().is_relative_to(root / "artifacts"):
            link.unlink()


def _size(path: Path) -> int:
    """Return the bytes on disk of a whole folder; files deleted during the count are ignored."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(folder) / name).lstat().st_blocks * 512
    return total
