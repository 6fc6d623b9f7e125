"""Downloads a file from a host completely or not at all: in chunks, with length and checksum verified."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import shlex
import time

from kbootstrap.core.errors import InstallFailed
from kbootstrap.hosts.model import Host

_PIECE_MIB = 4
"""Size of one chunk; its base64 form fits into the kept part of a command's output (`output.py`)."""


async def fetch(host: Host, path: str, *, deadline: float) -> bytes:
    """Return the content of a file on a host; `deadline` in seconds, for the whole file.

    Raises as `Host.run`, and `InstallFailed` (KB0712) when the received content differs from the host's.
    """
    until, quoted = time.monotonic() + deadline, shlex.quote(path)
    said = (await host.run(f"stat -c %s {quoted} && sha256sum < {quoted}", deadline=deadline)).stdout
    found = re.fullmatch(r"(\d+)\n([0-9a-f]{64})\b.*\n", said)
    if not found:
        raise _damaged(host, path, "its size and checksum cannot be read")
    size, content = int(found[1]), bytearray()
    while len(content) < size:
        number = len(content) // (_PIECE_MIB * 1024 * 1024)
        command = f"dd if={quoted} bs={_PIECE_MIB}M skip={number} count=1 2>/dev/null | base64 -w 0"
        output = await host.run(command, deadline=max(until - time.monotonic(), 0.1))
        try:
            piece = base64.b64decode(output.stdout, validate=True)
        except binascii.Error as error:
            raise _damaged(host, path, "a part of it is not base64") from error
        if not piece:
            break
        content += piece
    if len(content) != size:
        raise _damaged(host, path, f"{len(content)} bytes of {size}")
    if hashlib.sha256(content).hexdigest() != found[2]:
        raise _damaged(host, path, "its checksum differs")
    return bytes(content)


def _damaged(host: Host, path: str, why: str) -> InstallFailed:
    return InstallFailed(
        f"{path} of {host.name} arrived damaged: {why}",
        hint="run the same command again; if it happens again, look at the machine's disk and memory",
        code="KB0712",
        host=host.name,
    )
