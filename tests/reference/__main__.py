"""Writes the reference pages: `make docs`."""

from __future__ import annotations

from tests.reference.pages import FOLDER, PAGES

FOLDER.mkdir(exist_ok=True)
for name, make in PAGES.items():
    (FOLDER / name).write_text(make(), encoding="utf-8")
