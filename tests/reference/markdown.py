"""Pieces of Markdown that forges show alike."""

from __future__ import annotations

import re


def anchor(title: str) -> str:
    """Return the anchor that forges make of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def code(text: str | None) -> str:
    """Return text as code; nothing for nothing."""
    return f"`{text}`" if text else ""


def cell(text: str) -> str:
    """Return text that may stand in a table."""
    return text.replace("|", "\\|").replace("\n", " ")
