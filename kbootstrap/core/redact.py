"""Secrets never leave: a registry of known secret values, and their replacement in any text."""

from __future__ import annotations

import re

MASK = "••••"
_SHORTEST = 6
"""Shorter values would mask half of every text; nothing that we generate or read as a secret is shorter."""


class Redactor:
    """Knows the secrets of this run. Everything that is shown or written passes through `clean`.

    A secret registered later also protects text that is made later; so register before use. Private keys and
    k3s tokens (`K10…::user:password`) are recognised by their form, even when they were not registered.
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
        """Register a secret and return it, so that it can be used where it is read."""
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
