"""Redaction: a registry of known secret values, and their replacement in any text."""

from __future__ import annotations

import re

MASK = "••••"
_SHORTEST = 6
"""Minimum length. Shorter values would mask unrelated text; no generated or configured secret is shorter."""


class Redactor:
    """The secrets of this run. All text that is displayed or written passes through `clean`.

    A secret is masked only after it is registered, so register it before use. Private keys and k3s tokens
    (`K10…::user:password`) are recognised by their form, even when they are not registered.
    """

    _FORMS = re.compile(
        r"K10[0-9a-f]{64}::[A-Za-z0-9_-]+:[^\s\"']+"
        r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
        r"|(?<=client-key-data: )[A-Za-z0-9+/=]{40,}",
        re.DOTALL,
    )

    def __init__(self) -> None:
        self._secrets: list[str] = []

    def add(self, secret: str) -> str:
        """Register a secret and return it, for use in an expression."""
        value = secret.strip()
        if len(value) >= _SHORTEST and value not in self._secrets:
            self._secrets.append(value)
            self._secrets.sort(key=len, reverse=True)
        return secret

    def clean(self, text: str) -> str:
        """Replace every known secret in `text`."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return self._FORMS.sub(MASK, text)
