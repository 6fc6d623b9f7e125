"""What one attempt at a connection can end with besides an error of the tree. Light: nothing of asyncssh."""

from __future__ import annotations

from kbootstrap.inventory.model import SshTarget


class TryAgain(Exception):
    """The host does not answer yet. `hint` is what to look at when it never does."""

    def __init__(self, cause: str, hint: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.hint = hint


class WrongKey(Exception):
    """The host shows another key than the expected ones; `shown` is it, as `type base64`.

    It is empty where the key was refused for another reason, which `why` says: it is revoked, or its
    certificate has expired.
    """

    def __init__(self, shown: str, why: str = "") -> None:
        super().__init__(shown or why)
        self.shown = shown
        self.why = why


def where(target: SshTarget) -> str:
    """Write where a host is reached: `10.0.0.5:22 through bastion 203.0.113.4:22`."""
    place = f"[{target.host}]:{target.port}" if ":" in target.host else f"{target.host}:{target.port}"
    return f"{place} through bastion {where(target.jump)}" if target.jump else place
