"""Writes the reference pages, and removes those that are no longer generated: `make docs`."""

from __future__ import annotations

from tests.reference.pages import FOLDER, PAGES

for name, make in PAGES.items():
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(make(), encoding="utf-8")
for path in FOLDER.rglob("*.md"):
    if path.relative_to(FOLDER).as_posix() not in PAGES:
        path.unlink()
