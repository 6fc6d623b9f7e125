"""Escapes text for Markdown, for HTML in it, and for workflow commands.

Rules: "GitHub Flavored Markdown Spec" (backslash escapes, code spans, tables), "Workflow commands for GitHub
Actions" (escaping of data and properties).
"""

from __future__ import annotations

import html
import re

from kbootstrap.views.screen import harmless

_SPECIAL = re.compile(r"([\\`*_\[\]#|~$]|!(?=\[)|:(?=\S))")
"""What has a meaning inside of a line; what has one at its beginning never stands there."""
_ZERO = "\u200b"
"""Takes no room; behind `@` and `#` it keeps a forge from calling a person or linking an issue."""


def prose(text: str) -> str:
    """Return escaped text, on one line, also for a table."""
    flat = " ".join(harmless(text).split())
    escaped = _SPECIAL.sub(r"\\\1", html.escape(flat, quote=False).replace("@", f"@{_ZERO}"))
    return escaped.replace("\\#", f"\\#{_ZERO}")


def code(text: str) -> str:
    """Return a code span, on one line, also for a table."""
    flat = " ".join(harmless(text).split()).replace("|", "\\|") or " "
    ticks = _longer("`", flat, 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{ticks}{pad}{flat}{pad}{ticks}"


def fence(lines: list[str], language: str = "") -> str:
    """Return a code block with a fence that its content does not contain."""
    text = harmless("\n".join(lines))
    ticks = _longer("`", text, 3)
    return f"{ticks}{language}\n{text}\n{ticks}"


def attribute(text: str) -> str:
    """Return text for HTML, on one line."""
    flat = html.escape(" ".join(harmless(text).split()))
    return flat.replace("@", f"@{_ZERO}").replace("#", "&#35;")


def target(url: str) -> str:
    """Return an address for the parentheses of a link."""
    return re.sub(r"[\s<>()\\|\"'`]", lambda found: f"%{ord(found[0]):02X}", url)


def command_data(text: str) -> str:
    """Return the message of a workflow command."""
    return harmless(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """Return the value of a property of a workflow command."""
    return command_data(text).replace(":", "%3A").replace(",", "%2C")


def _longer(sign: str, text: str, least: int) -> str:
    longest = max((len(run) for run in re.findall(f"{sign}+", text)), default=0)
    return sign * max(least, longest + 1)
