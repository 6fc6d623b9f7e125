"""`kbootstrap render`: writes the files for review, or compares a folder with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.context import contexts
from kbootstrap.engine.lock_file import keep_lock
from kbootstrap.engine.rendered import render as rendered
from kbootstrap.engine.spec import choose, read_spec
from kbootstrap.render.write import Difference, Written, write
from kbootstrap.render.write import check as compare


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was written; `files` is the number of files; `locked`: the lock file changed too."""

    written: Written
    files: int
    locked: bool


def check(spec: Path, clusters: Sequence[str], out: Path, run: Runtime) -> Sequence[Difference]:
    """Return how a folder differs from what the spec renders to. Writes nothing."""
    loaded = read_spec(spec)
    tree = rendered(contexts(loaded, choose(loaded, clusters), run))
    return compare(tree, out, whole=not clusters)


def render(spec: Path, clusters: Sequence[str], out: Path, run: Runtime, *, force: bool) -> Rendered:
    """Write HCL and node configuration to a folder; `force` overwrites files that were edited by hand."""
    loaded = read_spec(spec)
    chosen = contexts(loaded, choose(loaded, clusters), run)
    tree = rendered(chosen)
    written = write(tree, out, whole=not clusters, force=force)
    return Rendered(written, len(tree.files), keep_lock(loaded, chosen[0].lock))
