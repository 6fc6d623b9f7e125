"""Reads values to which a spec refers: `{env: NAME}` and `{file: PATH}`."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.spec.model import FromEnvironment, FromFile, Reference

_LONGEST = 1024 * 1024
"""Bytes. A bundle of all public certificate authorities has 250 KB."""
_PRIVATE_KEY = re.compile(
    r"PRIVATE KEY-----|BEGIN SSH2 ENCRYPTED PRIVATE KEY|^SSH PRIVATE KEY FILE FORMAT|^PuTTY-User-Key-File-"
    r"|^AGE-SECRET-KEY-"
)
"""Matches the first line of private keys: PEM and OpenSSH, ssh.com, SSH 1, PuTTY, age."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads references of one spec: `folder` is the spec's, `env` the environment.

    In errors, `what` is their purpose ("SSH") and `code` the error code.
    """

    folder: Path
    env: Mapping[str, str]
    what: str
    code: str

    def text(self, reference: Reference, *, public: bool = False) -> str:
        """Return the value; raises `CredentialsRefused` if it is missing.

        `public`: the value is sent to other machines, so a private key is rejected (KB0364) before it is read
        further, and no part of it is in the error.
        """
        if isinstance(reference, FromEnvironment):
            value = self.env.get(reference.name)
            if not value:
                raise CredentialsRefused(
                    f"the variable {reference.name} is not set; the spec names it for {self.what}",
                    hint=f"export {reference.name}, or write `{{file: PATH}}` in the spec",
                    code=self.code,
                )
            if public and any(map(is_private_key, value.splitlines())):
                raise self._private(reference)
            return value
        return self._read(reference, public=public)

    def _read(self, reference: FromFile, *, public: bool) -> str:
        path = self.path(reference)
        lines: list[str] = []
        size = 0
        try:
            with path.open("rb") as file:
                while raw := file.readline(_LONGEST):
                    size += len(raw)
                    if size > _LONGEST:
                        raise OSError(errno.EFBIG, "it is larger than 1 MiB")
                    lines.append(raw.decode("utf-8"))
                    if public and is_private_key(lines[-1]):
                        raise self._private(reference)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise CredentialsRefused(
                f"the file {path}, which the spec names for {self.what}, cannot be read: {why}",
                hint="correct the path in the spec; it counts from the folder of the spec",
                code=self.code,
            ) from error
        return "".join(lines).replace("\r\n", "\n")

    def place(self, reference: Reference) -> str:
        """Return the description of the value's source: "the file …" or "the variable …"."""
        if isinstance(reference, FromEnvironment):
            return f"the variable {reference.name}"
        return f"the file {self.path(reference)}"

    def _private(self, reference: Reference) -> CredentialsRefused:
        return CredentialsRefused(
            f"{self.place(reference)}, which the spec names for {self.what}, holds a private key",
            hint="name the public half, such as `{file: ~/.ssh/id_ed25519.pub}`",
            code="KB0364",
        )

    def path(self, reference: FromFile) -> Path:
        """Resolve a path of the spec: `~` is the home folder; relative paths begin in the spec's folder."""
        text = reference.path
        home = self.env.get("HOME")
        if home and (text == "~" or text.startswith("~/")):
            text = home + text[1:]
        return Path(os.path.normpath(self.folder / Path(text).expanduser()))


def is_private_key(line: str) -> bool:
    """Return whether a line is the first line of a private key."""
    return _PRIVATE_KEY.search(line) is not None
