"""The user-data of machines that are made without OpenTofu: the bytes that the module `nodes` makes.

Small and constant, without secrets and versions; everything else is installed over SSH. `yamlencode` of
OpenTofu sorts keys, quotes them, and folds long texts at a space (its YAML emitter, double-quoted style).
"""

from __future__ import annotations

from collections.abc import Sequence

_WIDTH = 80


def user_data(user: str, keys: Sequence[str]) -> str:
    """Return the user-data of machines with this SSH user and these authorized keys; pure."""
    lines = [
        "#cloud-config",
        '"ssh_pwauth": false',
        '"users":',
        '- "default"',
        '- "lock_passwd": true',
        _line('  "name": ', user),
        '  "shell": "/bin/bash"',
        '  "ssh_authorized_keys":' if keys else '  "ssh_authorized_keys": []',
        *(_line("  - ", key) for key in keys),
        '  "sudo": "ALL=(ALL) NOPASSWD:ALL"',
    ]
    return "\n".join(lines) + "\n"


def _line(begin: str, text: str) -> str:
    """Return a line with a quoted text; it continues on the next one after the first space beyond 80."""
    written, column, after_space = f'{begin}"', len(begin) + 1, False
    for index, sign in enumerate(text):
        if sign == " " and column > _WIDTH and not after_space and 0 < index < len(text) - 1:
            written += "\n    " + ("\\" if text[index + 1] == " " else "")
            column, after_space = 4, True
            continue
        shown = f"\\{sign}" if sign in '"\\' else sign
        written += shown
        column, after_space = column + len(shown), sign == " "
    return f'{written}"'
