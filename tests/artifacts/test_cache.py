"""Where the cache is, what counts as verified, and locks that do not block."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kbootstrap.artifacts import cache


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({"KBOOTSTRAP_CACHE": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/kbootstrap"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/c"}, "/c/.cache/kbootstrap"),
        ({"HOME": "/c"}, "/c/.cache/kbootstrap"),
    ],
)
def test_place_of_the_cache(env: dict[str, str], wanted: str) -> None:
    assert cache.root(env) == Path(wanted)


def fill(place: Path, content: str = "x") -> cache.Kept:
    with cache.scratch(place) as filled:
        (filled / "file").write_text(content)
        return cache.publish(filled, place, "a test")


def test_published_folder_is_found_again(tmp_path: Path) -> None:
    made = fill(tmp_path / "place")
    assert cache.load(tmp_path / "place") == made
    assert made.paths == {"file": tmp_path / "place" / "file"}
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


def test_publishing_again_replaces(tmp_path: Path) -> None:
    fill(tmp_path / "place", "old")
    fill(tmp_path / "place", "new")
    assert (tmp_path / "place" / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


@pytest.mark.parametrize("manifest", ["", "{}", "[]", '{"version": 99}', '{"version": 1, "sha256": 3}'])
def test_manifest_that_says_nothing(tmp_path: Path, manifest: str) -> None:
    fill(tmp_path / "place")
    (tmp_path / "place" / "manifest.json").write_text(manifest)
    assert cache.load(tmp_path / "place") is None


async def test_lock_waits_without_blocking(tmp_path: Path) -> None:
    waited: list[str] = []
    order: list[str] = []

    async def second() -> None:
        async with cache.locked(tmp_path / "lock", waited.append):
            order.append("second")

    async with cache.locked(tmp_path / "lock", waited.append):
        task = asyncio.create_task(second())
        await asyncio.sleep(0.3)
        order.append("first")
    await task
    assert order == ["first", "second"]
    assert len(waited) == 1
