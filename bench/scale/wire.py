"""Reads what kbootstrap sends to a host over SSH: the form of `kbootstrap/hosts/remote.py`. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from kbootstrap.hosts import frame, remote
from kbootstrap.hosts.model import Output

_HEAD = re.compile(r"PATH=\S+\nLC_ALL=C\nexport PATH LC_ALL\n")
_MARK = re.compile(rf"\b{remote.MARK}=(\w+) timeout ")
_RECEIVE = re.compile(
    r"^if \[ -d (?P<path>.+) \]; then echo .*^want=\$\(.*truncate -s (?P<size>\d+) ", re.DOTALL | re.MULTILINE
)
_KINDS = (
    ("kbootstrap-facts-1", "facts"),
    ("kbootstrap-uninstall", "uninstall"),
    ("act=take", "lease"),
    ("act=keep", "lease"),
    ("act=release", "lease"),
)


@dataclass(frozen=True, slots=True)
class File:
    """A file that a script receives."""

    path: str
    size: int


def mark_of(line: str) -> str | None:
    """Return the mark in a command line; None where the line runs no script, but ends one."""
    found = _MARK.search(line)
    return found[1] if found else None


def script_of(first_line: bytes) -> str:
    """Return the script in the first line of stdin, without what `remote.feed` puts before each."""
    _, _, text = first_line.rstrip(b"\n").partition(b" ")
    plain = re.sub(rb"\\0([0-7]{3})", lambda found: bytes([int(found[1], 8)]), text).decode()
    return _HEAD.sub("", plain, count=1)


def received(script: str) -> File | None:
    """Return the file that a script receives, if it is such a script."""
    found = _RECEIVE.search(script)
    return File(shlex.split(found["path"])[0], int(found["size"])) if found else None


def kind(script: str) -> str:
    """Return a short name of what a script does."""
    if file := received(script):
        return f"put {file.path}"
    return next((name for word, name in _KINDS if word in script), script[:60])


def framed(output: Output, mark: str) -> bytes:
    """Return what a host prints when a script has ended."""
    return f"{frame.BEGIN} {mark}\n{output.stdout}{frame.END} {mark} {output.status}\n".encode()
