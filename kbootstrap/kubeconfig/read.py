"""Reading kubeconfig files so that they can be written again: comments, order and unknown fields survive."""

from __future__ import annotations

import errno
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from kbootstrap.core.errors import PrerequisiteMissing

Section = Literal["clusters", "users", "contexts"]
FIELDS: dict[Section, str] = {"clusters": "cluster", "users": "user", "contexts": "context"}
"""The lists of a kubeconfig, and the field in which an item of each holds its content beside `name`."""

_WIDTH = 1 << 30
"""Columns. Certificates are single lines of several thousand; none may be folded."""
_INDENTED_LIST = re.compile(r"^(?:clusters|users|contexts):[^\n]*\n(?:\s*#[^\n]*\n)*( +)- ", re.MULTILINE)


@dataclass(slots=True)
class Document:
    """One kubeconfig file, or one that does not exist yet. `tree` is what will be written."""

    path: Path
    tree: CommentedMap
    text: str
    """As it was read; empty when there was no file."""

    @property
    def current_context(self) -> str:
        """The name of the context that kubectl uses, or an empty text."""
        value = self.tree.get("current-context")
        return value if isinstance(value, str) else ""

    def entries(self, section: Section) -> Iterator[CommentedMap]:
        """Go through the items of a list; a missing or empty list has none."""
        yield from self.tree.get(section) or ()

    def find(self, section: Section, name: str) -> CommentedMap | None:
        """Return the item of that name, None where there is none."""
        return next((entry for entry in self.entries(section) if entry.get("name") == name), None)

    def dump(self) -> str:
        """Return the file's new text, in the indentation that it had."""
        yaml = _round_trip()
        indented = _INDENTED_LIST.search(self.text)
        if indented:
            offset = len(indented[1])
            yaml.indent(mapping=2, sequence=offset + 2, offset=offset)
        stream = io.StringIO()
        yaml.dump(self.tree, stream)
        return stream.getvalue()


def read(path: Path) -> Document:
    """Read a kubeconfig; a missing or empty file is an empty one.

    Raises `PrerequisiteMissing` with KB1001 (cannot be read) or KB1002 (not a kubeconfig).
    """
    try:
        if path.is_fifo():
            raise OSError(errno.EINVAL, "it is a pipe, not a file")
        text = path.read_text("utf-8")
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
    return Document(path, parse(text, path), text)


def parse(text: str, path: Path) -> CommentedMap:
    """Parse kubeconfig text; `path` is for messages. Raises as `read`."""
    try:
        tree: Any = _round_trip().load(text)
    except MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise _broken(path, f"{where}{error.problem or 'broken YAML'}") from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise _broken(path, f"broken YAML ({type(error).__name__})") from error
    if tree is None:
        tree = CommentedMap()
    if not isinstance(tree, CommentedMap):
        raise _broken(path, "it is not a mapping with clusters, users and contexts")
    for section in FIELDS:
        entries = tree.get(section)
        if entries is None:
            continue
        if not isinstance(entries, CommentedSeq) or not all(isinstance(e, CommentedMap) for e in entries):
            raise _broken(path, f"{section} is not a list of named entries")
    return tree


def _broken(path: Path, why: str) -> PrerequisiteMissing:
    return PrerequisiteMissing(
        f"{path} is not a usable kubeconfig: {why}",
        code="KB1002",
        hint=f"mend it (kubectl config view --kubeconfig {path} shows the same problem), or move it away",
    )


class _Representer(RoundTripRepresenter):
    """Writes null as kubectl does, not as nothing."""

    def null(self, _value: None) -> ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_Representer.add_representer(type(None), _Representer.null)


def _round_trip() -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = _WIDTH
    yaml.Representer = _Representer
    return yaml
