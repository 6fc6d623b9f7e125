"""Results of one connection attempt that are not `KbootstrapError`s. Does not import asyncssh."""

from __future__ import annotations

from kbootstrap.inventory.model import SshTarget


class TryAgain(Exception):
    """The host does not respond yet. `hint` is shown when it never does."""

    def __init__(self, cause: str, hint: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.hint = hint


class WrongKey(Exception):
    """The host presented an unexpected key; `shown` is that key, as `type base64`.

    `shown` is empty where the key was rejected for another reason, given in `why`: the key is revoked, or its
    certificate has expired.
    """

    def __init__(self, shown: str, why: str = "") -> None:
        super().__init__(shown or why)
        self.shown = shown
        self.why = why


def where(target: SshTarget) -> str:
    """Return the address of a host for messages: `10.0.0.5:22 through bastion 203.0.113.4:22`."""
    place = f"[{target.host}]:{target.port}" if ":" in target.host else f"{target.host}:{target.port}"
    return f"{place} through bastion {where(target.jump)}" if target.jump else place
