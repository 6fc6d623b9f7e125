"""Writes a rendered tree to a folder, and compares one with it.

We note the hash of every file that we write in `.kbootstrap-rendered.json` of that folder. So we know our own
files again: those that are no longer rendered are removed, those that were edited are not overwritten,
and everything else in the folder (state, `.terraform/`, a README) is left alone.
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
"""For each file that we wrote, SHA-256 of its content. Two hashes: a run was killed between old and new."""

_Record = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A file that is not as it would be rendered now.

    `missing`: not there · `stale`: rendered from an older spec · `edited`: changed by hand ·
    `extra`: rendered before, no longer. `diff` is a unified diff from what is there to what would be.
    """

    path: str
    kind: Literal["missing", "stale", "edited", "extra"]
    diff: str


@dataclass(frozen=True, slots=True)
class Written:
    """What `write` did, by path relative to the folder."""

    changed: tuple[str, ...]
    removed: tuple[str, ...]


def check(tree: RenderedTree, out: Path, *, whole: bool = True) -> tuple[Difference, ...]:
    """Compare `tree` with the folder `out`, changing nothing; sorted by path.

    `whole` False: the tree is a part (some clusters); files of other clusters and modules are no difference.
    """
    return tuple(_differences(tree, out, _load(out), whole=whole))


def write(tree: RenderedTree, out: Path, *, whole: bool = True, force: bool = False) -> Written:
    """Make the folder `out` equal to `tree`; `whole` as in `check`.

    Raises `KbootstrapError` (KB0502) and changes nothing when files were edited by hand, unless
    `force`. Each file is replaced in one step; a killed run leaves nothing that the next one cannot finish.
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
    """Return our files that are no longer rendered; of a part of the spec only in folders that it renders.

    A cluster that left the spec keeps its root: `destroy` needs it.
    """
    folders = {_folder(path) for path in tree.files}
    return {path for path in record if path not in tree.files and (whole or _folder(path) in folders)}


def _folder(path: str) -> tuple[str, ...]:
    """Return what a file belongs to: a cluster, or one module (`modules/<provider>/<module>`)."""
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
    """Remove a file and the folders that it leaves empty."""
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
    return {}  # damaged: then every file that differs counts as edited, which loses nothing


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
    """Let one process at a time write below `out`: clusters of one spec share modules and the record."""
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
