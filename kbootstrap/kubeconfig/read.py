"""Reads kubeconfig files: their text, and the positions of the entries in it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.kubeconfig.tree import Refused, YamlNode
from kbootstrap.kubeconfig.tree import parse as parse_tree

Section = Literal["clusters", "users", "contexts"]
FIELDS: dict[Section, str] = {"clusters": "cluster", "users": "user", "contexts": "context"}
"""The lists of a kubeconfig, each with the field of its items that holds the content beside `name`."""


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """One kubeconfig file, which may not exist yet; `root` is None if it is empty."""

    path: Path
    text: str
    root: YamlNode | None

    @property
    def current_context(self) -> str:
        """The name of the current context, or an empty string."""
        found = self.root.get("current-context") if self.root else None
        return "" if found is None or found.null else found.value

    def entries(self, section: Section) -> Iterator[YamlNode]:
        """Yield the items of a list; a missing or empty list has none."""
        yield from entries(self.root, section)

    def find(self, section: Section, name: str) -> YamlNode | None:
        """Return the item of that name, or None."""
        return named(self.root, section, name)


def entries(root: YamlNode | None, section: Section) -> Iterator[YamlNode]:
    """Yield the items of a list of a kubeconfig."""
    found = root.get(section) if root else None
    for value in found.values() if found else ():
        yield value.resolved


def named(root: YamlNode | None, section: Section, name: str) -> YamlNode | None:
    """Return the first item of that name, or None."""
    for entry in entries(root, section):
        found = entry.get("name")
        if found is not None and found.kind == "scalar" and found.value == name:
            return entry
    return None


def read(path: Path) -> Kubeconfig:
    """Read a kubeconfig; a missing file counts as empty.

    Raises `PrerequisiteMissing` with KB1001 (cannot be read) or KB1002 (not a kubeconfig).
    """
    try:
        if path.is_fifo():
            raise OSError(errno.EINVAL, "it is a pipe, not a file")
        text = path.read_bytes().decode("utf-8")  # line breaks are kept
    except FileNotFoundError:
        text = ""
    except UnicodeDecodeError as error:
        raise _broken(path, f"byte {error.start} is not UTF-8 text") from error
    except OSError as error:
        raise PrerequisiteMissing(
            f"cannot read the kubeconfig {path}: {error.strerror}",
            code="KB1001",
            hint="make it a readable file, or name another one in KUBECONFIG",
        ) from error
    return parse(text, path)


def parse(text: str, path: Path) -> Kubeconfig:
    """Parse kubeconfig text; `path` is for messages. Raises as `read`."""
    try:
        root = parse_tree(text).root
    except MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise _broken(path, f"{where}{error.problem or 'broken YAML'}") from error
    except Refused as error:
        raise _broken(path, f"line {error.line}: {error}") from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise _broken(path, f"broken YAML ({type(error).__name__})") from error
    if root is not None and root.kind != "map":
        raise _broken(path, "it is not a mapping with clusters, users and contexts")
    for section in FIELDS:
        found = root.get(section) if root else None
        if found is None or found.null:
            continue
        if found.kind != "list" or any(one.resolved.kind != "map" for one in found.values()):
            raise _broken(path, f"{section} is not a list of named entries")
    return Kubeconfig(path, text, root)


def _broken(path: Path, why: str) -> PrerequisiteMissing:
    return PrerequisiteMissing(
        f"{path} is not a usable kubeconfig: {why}",
        code="KB1002",
        hint=f"correct it (kubectl config view --kubeconfig {path} shows the same problem), or move it away",
    )
