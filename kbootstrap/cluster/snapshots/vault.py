"""The tokens of a cluster in a small file, encrypted with a passphrase.

scrypt makes the key, AES-256-GCM encrypts (both from `cryptography`). The header is authenticated: a file
cannot be passed off as that of another cluster.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kbootstrap.core.errors import CredentialsRefused

PREFIX, SUFFIX = "kbootstrap-token-", ".json"
_VERSION = 1
_COST = 2**15
"""scrypt's N (with r 8, p 1): 32 MiB and about 0.1 s for each guess of a passphrase."""
_MOST = 2**20
"""A file cannot make us take more memory than this N needs (1 GiB)."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The tokens that a restore on new machines needs; `server` is the full server token (`K10…`)."""

    cluster: str
    server: str = field(repr=False)
    agent: str = field(repr=False)

    @property
    def name(self) -> str:
        """The file name: derived from the tokens, so that it changes when they are rotated."""
        return f"{self._stem}{SUFFIX}"

    def name_for(self, snapshot: str) -> str:
        """Return the name of the file beside a snapshot in a folder of the operator's machine."""
        return f"{self._stem}-{snapshot}{SUFFIX}"

    def is_in(self, name: str) -> bool:
        """Return whether a file of this name contains these tokens."""
        return name == self.name or (name.startswith(f"{self._stem}-") and name.endswith(SUFFIX))

    def name_beside(self, names: Sequence[str]) -> str | None:
        """Return the name of the file to add to token files (the newest first); None if none is needed.

        The newest file has the tokens in use. Tokens that come back with the snapshot of a time before a
        rotation get another file, with a number: a snapshot belongs to the newest token file before it.
        """
        if names and self.is_in(names[0]):
            return None
        number = sum(map(self.is_in, names)) + 1
        return self.name if number == 1 else f"{self._stem}-{number}{SUFFIX}"

    @property
    def _stem(self) -> str:
        mark = hashlib.sha256(f"{self.server}\n{self.agent}".encode()).hexdigest()[:12]
        return f"{PREFIX}{mark}"


def lock(bundle: Bundle, passphrase: str) -> bytes:
    """Encrypt a bundle."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    salt, nonce = os.urandom(16), os.urandom(12)
    head = {"kbootstrap_token": _VERSION, "cluster": bundle.cluster, "scrypt_n": _COST, "salt": _text(salt)}
    secret = json.dumps({"server": bundle.server, "agent": bundle.agent}).encode()
    sealed = AESGCM(_key(passphrase, salt, _COST)).encrypt(nonce, secret, _header(head))
    return (json.dumps({**head, "nonce": _text(nonce), "sealed": _text(sealed)}, indent=2) + "\n").encode()


def unlock(content: bytes, passphrase: str, *, where: str) -> Bundle:
    """Decrypt a bundle; raises `CredentialsRefused` (KB0872) with its source `where`."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        found: dict[str, Any] = json.loads(content)
        nonce, sealed = _bytes(found.pop("nonce")), _bytes(found.pop("sealed"))
        cost, salt = int(found["scrypt_n"]), _bytes(found["salt"])
        if found["kbootstrap_token"] != _VERSION or not 1 < cost <= _MOST or cost & (cost - 1):
            raise ValueError("of another version")
        opened = AESGCM(_key(passphrase, salt, cost)).decrypt(nonce, sealed, _header(found))
        inside = json.loads(opened)
        return Bundle(str(found["cluster"]), inside["server"], inside["agent"])
    except InvalidTag:
        raise CredentialsRefused(
            f"the passphrase does not decrypt the token in {where}",
            hint="use the passphrase with which it was written; without it, or the token, the "
            "snapshot cannot be restored on new machines",
            code="KB0872",
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise CredentialsRefused(
            f"{where} is not a token file of kbootstrap, or is damaged",
            hint="use another copy: one is beside the snapshots in the bucket, and on every server",
            detail=type(error).__name__,
            code="KB0872",
        ) from error


def _key(passphrase: str, salt: bytes, cost: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=32, n=cost, r=8, p=1).derive(passphrase.encode())


def _header(values: dict[str, Any]) -> bytes:
    return json.dumps(values, sort_keys=True).encode()


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(value: str) -> bytes:
    return base64.b64decode(value, validate=True)
