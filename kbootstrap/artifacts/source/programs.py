"""One Go program as a build step: pinned sources, edits in a copy of them, and the build.

A program that uses C is linked statically, so that it runs on nodes with any C library. Go then resolves host
names (`netgo`, or `godebug netdns=go` in the recipe), because the C library's resolver cannot be linked in.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from dataclasses import replace
from pathlib import Path

from kbootstrap.artifacts.source import recipe
from kbootstrap.artifacts.source.golang import Go
from kbootstrap.artifacts.source.recipe import Copied, Edit, GoStep
from kbootstrap.artifacts.source.workshop import BuildStep, Made
from kbootstrap.core.errors import KbootstrapError

FORMAT = "1"
"""Increased when the code below produces a different program from the same recipe."""


def step(go: Go, wanted: GoStep, arch: str, version: str) -> BuildStep:
    """Return the build step of one program; `version` is that of the Go toolchain."""

    async def make(_made: Made, folder: Path) -> None:
        work = folder / "source"
        await asyncio.to_thread(shutil.copytree, recipe.FOLDER / wanted.folder, work)
        if wanted.copied:
            await _copy_module(go, work, wanted.copied)
        for plugin in wanted.plugins:
            _, package = await go.sources(recipe.FOLDER / plugin.source, plugin.package)
            await asyncio.to_thread(as_package, package, work / plugin.name)
        await go.build(
            work,
            wanted.package,
            folder / wanted.output,
            tags=wanted.tags,
            ldflags=wanted.ldflags,
            cgo=wanted.cgo,
            static=wanted.static,
        )
        await asyncio.to_thread(shutil.rmtree, work)

    async def fetch() -> None:
        folder = recipe.FOLDER / wanted.folder
        await go.download(folder, wanted.package, tags=wanted.tags, cgo=wanted.cgo)

    what = repr(replace(wanted, title="", seconds=0))
    inputs = (recipe.digest(*wanted.folders), what, arch, version, FORMAT)
    return BuildStep(wanted.name, wanted.title, wanted.seconds, inputs, make, fetch=fetch)


def as_package(source: Path, target: Path) -> None:
    """Copy a Go program's folder as a package, with `main` renamed to `Main` and without tests."""
    name = source.name.replace("-", "")
    target.mkdir()
    for path in sorted(source.glob("*.go")):
        if path.stem.endswith(("_test", "_windows")):
            continue
        text = re.sub(r"(?m)^package main\b", f"package {name}", path.read_text(encoding="utf-8"))
        text = re.sub(r"(?m)^func main\(\)", "func Main()", text)
        (target / path.name).write_text(text, encoding="utf-8")


def copy_tree(source: Path, target: Path) -> None:
    """Copy a module from the module cache, whose files may be read-only."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*_test.go", "docs", "tests", "testdata"))
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def apply_edit(folder: Path, edit: Edit) -> None:
    """Replace text in a copied source file.

    Raises `KbootstrapError` (KB0911) when the number of occurrences differs from the recipe.
    """
    path = folder / edit.file
    text = path.read_text(encoding="utf-8")
    if text.count(edit.old) != edit.times:
        raise KbootstrapError(
            f"the recipe does not fit the source: {edit.file} differs from what it expects", code="KB0911"
        )
    path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")


async def _copy_module(go: Go, work: Path, copied: Copied) -> None:
    package = f"{copied.module}/{Path(copied.edits[0].file).parent}"
    module, _ = await go.sources(work, package)
    await asyncio.to_thread(copy_tree, module, work / copied.into)
    for edit in copied.edits:
        apply_edit(work / copied.into, edit)
    await go.replace(work, copied.module, copied.into)
