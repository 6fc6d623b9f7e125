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
_TEXT = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def files(ending: str) -> Iterator[Path]:
    for path in sorted(PACKAGE.rglob(f"*{ending}")):
        if not any(path.is_relative_to(folder) for folder in DATA):
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


def test_no_text_of_the_code_names_a_distribution() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in files(".py")
        for line in literals(path.read_text("utf-8"))
    ]
    assert not found


def test_no_script_names_a_distribution() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{number}"
        for path in files(".sh")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if NAMES.search(re.sub(r"(^|\s)#.*", "", line))
    ]
    assert not found


def test_literals_are_found() -> None:
    assert list(literals('"""k3s"""\nname = "k3s"  # rke2\nother = f"{name} +RKE2r1"\n')) == [2, 3]
