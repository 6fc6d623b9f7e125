"""Reading what a spec only refers to: `{env: NAME}` and `{file: PATH}`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.spec.model import FromEnvironment, FromFile, Reference


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads references of one spec: `folder` is the spec's, `env` the environment.

    `what` says in errors what they are for ("SSH"), `code` explains it.
    """

    folder: Path
    env: Mapping[str, str]
    what: str
    code: str

    def text(self, reference: Reference) -> str:
        """Return the value; raises `CredentialsRefused` where it is not there."""
        if isinstance(reference, FromEnvironment):
            value = self.env.get(reference.name)
            if not value:
                raise CredentialsRefused(
                    f"the variable {reference.name} is not set; the spec names it for {self.what}",
                    hint=f"export {reference.name}, or write `{{file: PATH}}` in the spec",
                    code=self.code,
                )
            return value
        path = self.path(reference)
        try:
            return path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CredentialsRefused(
                f"the file {path}, which the spec names for {self.what}, cannot be read: {error}",
                hint="correct the path in the spec; it counts from the folder of the spec",
                code=self.code,
            ) from error

    def path(self, reference: FromFile) -> Path:
        """Resolve a path of the spec: `~` is the home folder, and relative means beside the spec."""
        text = reference.path
        home = self.env.get("HOME")
        if home and (text == "~" or text.startswith("~/")):
            text = home + text[1:]
        return Path(os.path.normpath(self.folder / Path(text).expanduser()))
