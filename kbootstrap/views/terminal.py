"""Detects what a stream can display, from the stream and the environment.

`NO_COLOR`, `FORCE_COLOR`: no-color.org and force-color.org; `CI` is set by every common CI service.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

_PIPE_WIDTH = 80
_PIPE_HEIGHT = 24
_NARROWEST = 20


@dataclass(frozen=True, slots=True)
class Terminal:
    """`live`: regions can be redrawn; `unicode`: any character, else only ASCII."""

    interactive: bool
    live: bool
    colour: bool
    unicode: bool


def look_at(stream: TextIO, env: Mapping[str, str]) -> Terminal:
    """Return what `stream` can display."""
    interactive = stream.isatty()
    clever = env.get("TERM", "dumb") not in {"dumb", "unknown", ""}
    colour = bool(env.get("FORCE_COLOR")) or (interactive and clever)
    return Terminal(
        interactive=interactive,
        live=interactive and clever and not in_ci(env),
        colour=colour and not env.get("NO_COLOR"),
        unicode=_unicode(stream, env),
    )


def in_ci(env: Mapping[str, str]) -> bool:
    """Return whether this is a CI job: prompts cannot be answered, and all output is logged."""
    return env.get("CI", "").lower() not in {"", "0", "false"}


def size(stream: TextIO, env: Mapping[str, str]) -> tuple[int, int]:
    """Return columns and lines: of the terminal, else from `COLUMNS` and `LINES`, else 80 by 24."""
    try:
        columns, lines = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        columns, lines = 0, 0
    columns = columns or _number(env.get("COLUMNS")) or _PIPE_WIDTH
    return max(columns, _NARROWEST), lines or _number(env.get("LINES")) or _PIPE_HEIGHT


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0


def _unicode(stream: TextIO, env: Mapping[str, str]) -> bool:
    """Return whether the stream supports characters outside ASCII.

    Python writes UTF-8 in the C locale as well (PEP 538, PEP 540), so the stream alone does not show it. The
    Linux console has a font of at most 512 signs.
    """
    if (stream.encoding or "").lower().replace("-", "") != "utf8" or env.get("TERM") == "linux":
        return False
    locale = next((env[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if env.get(name)), "")
    _, dot, charset = locale.partition(".")
    if dot:
        return charset.partition("@")[0].lower().replace("-", "") == "utf8"
    return locale not in {"C", "POSIX"}
