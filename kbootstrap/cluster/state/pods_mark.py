"""The mark of the autoscaler's Secrets: public, and enough to see that they must be written again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PodsMark:
    """What the Secrets were made with.

    `access` is the mark of the credential, `renewal` when two thirds of the certificates' time are over
    (epoch), `token` identifies the agents' token as `TokenMarks` does.
    """

    access: str
    renewal: int
    token: str

    @classmethod
    def read(cls, text: str) -> PodsMark | None:
        """Read a mark; None for a text that is none."""
        words = text.split(" ")
        if len(words) != 3 or not words[1].isdigit():
            return None
        return cls(words[0], int(words[1]), words[2])

    def __str__(self) -> str:
        return f"{self.access} {self.renewal} {self.token}"

    def stale(self, good: frozenset[str], now: float, token: str) -> str:
        """Return why the Secrets must be written again; empty if they are valid.

        `good` are the marks of valid credentials, `token` is the mark of the agents' token; empty: unknown.
        """
        if self.access not in good:
            return "its credential is gone, or its settings changed"
        if token and self.token != token:
            return "the agents' token is another one"
        if now >= self.renewal:
            return "two thirds of its certificates' time are over"
        return ""


def token_mark(token: str) -> str:
    """Return the mark of a token in any form: the beginning of the SHA-256 of its password (`facts.sh`)."""
    password = token.strip().rpartition(":")[2]
    return hashlib.sha256(password.encode()).hexdigest()[:12]
