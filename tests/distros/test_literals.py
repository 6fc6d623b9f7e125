"""No module outside of `distros/` names a distribution: a new one is new files only.

Docstrings and comments may name them as the source of a fact; recipes are data.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from kbootstrap import distros

PACKAGE = Path(__file__).parents[2] / "kbootstrap"
NAMES = re.compile("|".join(distros.names()), re.IGNORECASE)
DATA = (PACKAGE / "distros", PACKAGE / "artifacts" / "source" / "recipes")
PROSE = (PACKAGE / "core" / "codes", PACKAGE / "spec" / "templates")
"""Texts of messages, and first specs."""
IMAGE = frozenset(
    f"providers/local/node/overlay/{name}"
    for name in (
        "etc/systemd/system/k3s.service.d/10-node.conf",
        "etc/systemd/system/kbootstrap-node.service",
        "etc/systemd/system/rke2-server.service.d/10-node.conf",
        "usr/local/bin/crun",
        "usr/local/sbin/kbootstrap-node-config",
    )
)
"""The image of local nodes is one for all distributions, and is made before any of them is installed."""
_TEXT = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def files() -> Iterator[Path]:
    for path in sorted(PACKAGE.rglob("*")):
        hidden = "__pycache__" in path.parts or any(path.is_relative_to(folder) for folder in DATA)
        if path.is_file() and not hidden:
            yield path


def docstrings(text: str) -> set[int]:
    """Return the lines on which texts begin that are statements of their own."""
    return {
        node.value.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def literals(text: str) -> Iterator[int]:
    """Yield the lines with a text in which a distribution is named."""
    own = docstrings(text)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in _TEXT and token.start[0] not in own and NAMES.search(token.string):
            yield token.start[0]


def named(path: Path) -> list[int]:
    """Return the lines of a file that name a distribution, comments left out; 0 is its path."""
    lines = (re.sub(r"(^|\s)#.*", "", line) for line in path.read_text("utf-8").splitlines())
    own = [number for number, line in enumerate(lines, 1) if NAMES.search(line)]
    return [0, *own] if NAMES.search(str(path.relative_to(PACKAGE))) else own


def test_no_text_of_the_code_names_a_distribution() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in files()
        if path.suffix == ".py"
        for line in literals(path.read_text("utf-8"))
    ]
    assert not found


def test_no_other_file_names_a_distribution() -> None:
    others = [path for path in files() if path.suffix != ".py"]
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in others
        if not any(path.is_relative_to(folder) for folder in PROSE) and named(path)
    }
    assert found == IMAGE


def test_literals_are_found() -> None:
    assert list(literals('"""k3s"""\nname = "k3s"  # rke2\nother = f"{name} +RKE2r1"\n')) == [2, 3]
