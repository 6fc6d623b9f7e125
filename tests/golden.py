"""Golden trees: a mapping of files compared with a folder, and rewritten with `--update-golden`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path


def compare_tree(folder: Path, files: Mapping[str, str], *, update: bool) -> None:
    """Demand that `folder` holds exactly `files` (text by relative path); with `update` make it so."""
    there = {
        path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()
    }
    if update:
        for name, path in there.items():
            if name not in files:
                path.unlink()
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        return
    differences: list[str] = []
    for name in sorted({*there, *files}):
        old = there[name].read_text(encoding="utf-8").splitlines() if name in there else []
        new = files.get(name, "").splitlines()
        if (name in there) != (name in files) or old != new:
            differences += [
                *difflib.unified_diff(old, new, f"golden/{name}", f"now/{name}", lineterm="", n=1)
            ]
            differences += [] if old != new else [f"{name}: only one side has this empty file"]
    assert not differences, "\n".join([f"{folder} differs; --update-golden rewrites it", *differences])
