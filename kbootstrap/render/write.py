"""Writes a rendered tree to a folder, and compares a folder with a tree.

The hash of every written file is recorded in `.kbootstrap-rendered.json` in that folder. It identifies files
written by kbootstrap: files that are no longer rendered are removed, edited files are not overwritten, and
all other files in the folder (state, `.terraform/`, a README) are left unchanged.
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kbootstrap.core import files
from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing
from kbootstrap.render.model import RenderedTree

RECORD = ".kbootstrap-rendered.json"
"""SHA-256 of the content of each written file. Two hashes: a run was killed while replacing the file."""

_Record = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A file that differs from its current rendering.

    `missing`: does not exist · `stale`: rendered from an older spec · `edited`: changed by hand ·
    `extra`: no longer rendered. `diff` is a unified diff from the file to its rendering.
    """

    path: str
    kind: Literal["missing", "stale", "edited", "extra"]
    diff: str


@dataclass(frozen=True, slots=True)
class Written:
    """The result of `write`, by path relative to the folder."""

    changed: tuple[str, ...]
    removed: tuple[str, ...]


def check(tree: RenderedTree, out: Path, *, whole: bool = True) -> tuple[Difference, ...]:
    """Compare `tree` with the folder `out` without changing it; sorted by path.

    `whole` False: the tree is partial (some clusters); files of other clusters and modules are ignored.
    """
    return tuple(_differences(tree, out, _load(out), whole=whole))


def write(tree: RenderedTree, out: Path, *, whole: bool = True, force: bool = False) -> Written:
    """Update the folder `out` to match `tree`; `whole` as in `check`.

    Raises `KbootstrapError` (KB0502) without changes if files were edited by hand, unless `force`. Each file
    is replaced atomically; the next run can complete the work of a killed run.
    """
    with _alone(out):
        record = _load(out)
        differences = list(_differences(tree, out, record, whole=whole))
        edited = [d for d in differences if d.kind == "edited"]
        if edited and not force:
            raise KbootstrapError(
                f"{_count(edited)} in {out} edited by hand since the last rendering: "
                + ", ".join(d.path for d in edited),
                hint="move the change into the spec; --force overwrites what was edited by hand",
                detail="\n".join(d.diff for d in edited),
                code="KB0502",
            )
        gone = sorted(_obsolete(tree, record, whole=whole))
        wanted = {path: [_hash(text.encode())] for path, text in tree.files.items()}
        kept = {path: hashes for path, hashes in record.items() if path not in gone}
        if differences:
            both = {path: _both(record.get(path, []), wanted.get(path, [])) for path in {*record, *wanted}}
            _save(out, both, record)
        for difference in differences:
            if difference.path in tree.files:
                files.write(out / difference.path, tree.files[difference.path])
            else:
                _remove(out, difference.path)
        _save(out, kept | wanted, None if differences else record)
    removed = tuple(d.path for d in differences if d.path not in tree.files)
    return Written(tuple(d.path for d in differences if d.path in tree.files), removed)


def _differences(tree: RenderedTree, out: Path, record: _Record, *, whole: bool) -> Iterator[Difference]:
    for path in sorted({*tree.files, *_obsolete(tree, record, whole=whole)}):
        there = _read(out / path)
        wanted = tree.files.get(path)
        if there is None and wanted is None:
            continue
        if there is None:
            kind: Literal["missing", "stale", "edited", "extra"] = "missing"
        elif wanted is not None and there == wanted.encode():
            continue
        elif _hash(there) not in record.get(path, ()):
            kind = "edited"
        else:
            kind = "extra" if wanted is None else "stale"
        yield Difference(path, kind, _diff(path, there, wanted))


def _obsolete(tree: RenderedTree, record: _Record, *, whole: bool) -> set[str]:
    """Return written files that are no longer rendered; for a partial tree, only in its own folders.

    The root of a cluster that was removed from the spec is kept, because `destroy` needs it.
    """
    folders = {_folder(path) for path in tree.files}
    return {path for path in record if path not in tree.files and (whole or _folder(path) in folders)}


def _folder(path: str) -> tuple[str, ...]:
    """Return the folder of a file: a cluster, or one module (`modules/<provider>/<module>`)."""
    parts = tuple(path.split("/"))
    return parts[:3] if parts[0] == "modules" else parts[:1]


def _diff(path: str, there: bytes | None, wanted: str | None) -> str:
    old = (there or b"").decode("utf-8", "replace").splitlines()
    new = (wanted or "").splitlines()
    names = (
        f"a/{path}" if there is not None else "/dev/null",
        f"b/{path}" if wanted is not None else "/dev/null",
    )
    return "\n".join(difflib.unified_diff(old, new, *names, lineterm=""))


def _remove(out: Path, path: str) -> None:
    """Remove a file and the folders that become empty."""
    target = out / path
    try:
        target.unlink(missing_ok=True)
    except OSError as error:
        raise PrerequisiteMissing(f"cannot remove {target}: {error.strerror}") from error
    with contextlib.suppress(OSError):
        for folder in target.parents:
            if folder == out:
                break
            folder.rmdir()


def _load(out: Path) -> _Record:
    data = _read(out / RECORD)
    if data is None:
        return {}
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
        found = json.loads(data)["files"]
        return {str(path): [str(h) for h in hashes] for path, hashes in found.items()}
    return {}  # damaged: every file that differs then counts as edited, and nothing is lost


def _save(out: Path, record: Mapping[str, list[str]], known: _Record | None) -> None:
    if known is None or record != known:
        files.write(
            out / RECORD, json.dumps({"version": 1, "files": dict(sorted(record.items()))}, indent=1) + "\n"
        )


def _both(old: list[str], new: list[str]) -> list[str]:
    return list(dict.fromkeys([*old, *new]))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise PrerequisiteMissing(f"cannot read {path}: {error.strerror}") from error


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _count(items: list[Difference]) -> str:
    return "1 file" if len(items) == 1 else f"{len(items)} files"


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Allow one process at a time to write below `out`: a spec's clusters share modules and the record."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise PrerequisiteMissing(f"cannot write to {out}: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
