"""Reads the text of a spec file, with all checks before YAML parsing."""

from __future__ import annotations

import codecs
import errno
import os
import re
import stat
from pathlib import Path

from kbootstrap.core.diagnostics import Diagnostic, Span
from kbootstrap.core.errors import WrongUsage

LIMIT = 1024 * 1024
"""Largest spec in bytes. 1 MiB is about 30,000 lines; a larger file is most likely not a spec."""

_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
# YAML 1.2, "Character Set", and the line breaks that editors and YAML 1.1 count differently.
_FORBIDDEN = re.compile(
    "[^\\t\\n\\r\\x20-\\x7e\\xa0-\\u2027\\u202a-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]"
)
_BREAK = re.compile(r"\r\n|\n|\r")


def read(path: Path) -> bytes:
    """Return the bytes of a file, at most one more than `LIMIT`.

    Raises `WrongUsage` if it is not a readable file, because the path on the command line is wrong.
    """
    try:
        if _waits(path):
            reason = "it is a pipe, and nothing may ever come out of it"
        else:
            with path.open("rb") as stream:
                return stream.read(LIMIT + 1)
    except OSError as error:
        reasons = {
            errno.ENOENT: "there is no such file",
            errno.EISDIR: "it is a folder",
            errno.EACCES: "you may not read it",
            errno.ENOTDIR: "a part of the path is not a folder",
        }
        reason = reasons.get(error.errno or 0, error.strerror or "it cannot be opened")
    except ValueError:
        reason = "a path cannot contain a NUL character"
    raise WrongUsage(
        f"cannot read {str(path)!r}: {reason}",
        hint="name a spec file; `kbootstrap init` writes a first one",
        code="KB0100",
    ) from None


def _waits(path: Path) -> bool:
    """Return whether opening a path may block forever: a named pipe, but not an already open one.

    A shell's pipes (`<(command)`, `/dev/stdin`) are unnamed; their path does not resolve to an existing file.
    """
    return stat.S_ISFIFO(path.stat().st_mode) and os.path.exists(os.path.realpath(path))  # noqa: PTH110


def decode(data: bytes, name: str) -> str | Diagnostic:
    """Return the text of the spec file `name`, or a diagnostic if it is not valid text."""
    if len(data) > LIMIT:
        return Diagnostic(
            "KB0104",
            f"A spec has at most {LIMIT // 1024} KiB, and {name} has more.",
            "Check that this is the right file, or divide it into several specs.",
            Span(name, 1, 1, 1),
        )
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _wrong_encoding(name, Span(name, 1, 1, 1), f"The file is written in {encoding}.", encoding)
    if (at := data.find(b"\0")) >= 0:
        if data[:4].count(0) == 2 and data[0] != data[1]:
            order = "UTF-16LE" if data[0] else "UTF-16BE"
            return _wrong_encoding(name, Span(name, 1, 1, 1), "The file looks like UTF-16.", order)
        line = data.count(b"\n", 0, at) + 1
        return Diagnostic(
            "KB0103",
            f"{name} contains a NUL byte, as archives, images and programs do.",
            "Check that this is the right file.",
            Span(name, line, 1, 1),
        )
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        before = data[data.rfind(b"\n", 0, error.start) + 1 : error.start]
        column = len(before.decode("utf-8", "replace")) + 1
        found = f"The byte 0x{data[error.start]:02x} is not UTF-8; it looks like Latin-1 or Windows-1252."
        return _wrong_encoding(name, Span(name, line, column, column + 1), found, "LATIN1")
    return _forbidden(text, name) or text


def lines(text: str) -> list[str]:
    """Split text into lines as YAML counts them."""
    return _BREAK.split(text)


def _forbidden(text: str, name: str) -> Diagnostic | None:
    found = _FORBIDDEN.search(text)
    if found is None:
        return None
    before = lines(text[: found.start()])
    column = len(before[-1]) + 1
    return Diagnostic(
        "KB0103",
        f"The character U+{ord(found.group()):04X} is invisible and has no place in YAML.",
        "Delete it; it often comes from copying out of a web page or a document.",
        Span(name, len(before), column, column + 1, lines(text)[len(before) - 1]),
        summary="Character that YAML does not allow",
    )


def _wrong_encoding(name: str, span: Span, found: str, encoding: str) -> Diagnostic:
    return Diagnostic(
        "KB0102",
        found,
        f"Save {name} as UTF-8: editors offer it when saving, `iconv -f {encoding} -t UTF-8` converts a "
        "file.",
        span,
    )
