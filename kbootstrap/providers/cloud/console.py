"""Parses SSH host keys in the console log of a machine. cloud-init prints them after it generates them. Pure.

    -----BEGIN SSH HOST KEY KEYS-----
    ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI… root@production-control-plane-1
    -----END SSH HOST KEY KEYS-----

The log comes from the hypervisor, so the network between here and the machine cannot change it. Source:
cloud-init, module `keys_to_console` and tools/write-ssh-key-fingerprints. Other lines may be between these
(the kernel writes to the same console), and each line may start with a time stamp or the program's name.
"""

from __future__ import annotations

import base64
import binascii
import re

_BLOCK = re.compile(r"-----BEGIN SSH HOST KEY KEYS-----(.*?)-----END SSH HOST KEY KEYS-----", re.DOTALL)
_KEY = re.compile(r"(?<!\S)((?:ssh|ecdsa|sk)-[a-z0-9@.-]+) +([A-Za-z0-9+/]{40,}={0,2})(?!\S)")
_DONE = re.compile(r"[Cc]loud-init v\. \S+ finished at ")


def host_keys(log: str) -> tuple[str, ...]:
    """Return the keys (`type base64`) of the last complete block; empty if there is none yet.

    A key that does not begin with its own type is ignored: the line is truncated or mixed with another.
    """
    blocks = _BLOCK.findall(log)
    if not blocks:
        return ()
    found = [f"{kind} {blob}" for kind, blob in _KEY.findall(blocks[-1]) if _whole(kind, blob)]
    return tuple(dict.fromkeys(found))


def finished(log: str) -> bool:
    """Return whether cloud-init has finished. It prints nothing more after that."""
    return _DONE.search(log) is not None


def _whole(kind: str, blob: str) -> bool:
    """Return whether the key is complete (RFC 4253, 6.6): length-prefixed fields, first the type."""
    try:
        data = base64.b64decode(blob, validate=True)
    except (ValueError, binascii.Error):
        return False
    fields = []
    while data:
        size = int.from_bytes(data[:4], "big")
        if size > len(data) - 4:
            return False
        fields.append(data[4 : 4 + size])
        data = data[4 + size :]
    return len(fields) >= 2 and fields[0] == kind.encode()
