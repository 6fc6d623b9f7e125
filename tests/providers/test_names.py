"""The core knows no infrastructure by name: another cloud is new files only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from kbootstrap.providers import names

PACKAGE = Path(__file__).parent.parent.parent / "kbootstrap"
OUTSIDE = ("providers", "artifacts/source")
"""Folders that may name infrastructures: each provider its own, and recipes of programs built from source."""
WORDS = re.compile(
    r"openstack|\bnova\b|neutron|cinder|octavia|docker|podman|floatingip_v2|scaleway|outscale", re.IGNORECASE
)
FORMATS = {"docker.io", "docker"}
"""Names of the format and the home of images, which every engine has."""
ALIKE = {"local", "ssh"}
"""Providers whose names are words of other things as well: the local backend of the state, the command."""


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Yield string literals but docstrings and explanations below assignments."""
    tree = ast.parse(path.read_text("utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def test_no_infrastructure_is_named_in_the_core() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {text}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if not path.relative_to(PACKAGE).as_posix().startswith(OUTSIDE)
        for line, text in literals(path)
        if WORDS.search(text) or text in set(names()) - ALIKE
    ]
    assert not found


def test_no_provider_names_another() -> None:
    found = [
        f"{path.relative_to(PACKAGE)} imports {node.module}"
        for own in (*names(), "cloud")
        for path in sorted((PACKAGE / "providers" / own).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
        for other in names()
        if other != own and (node.module or "").startswith(f"kbootstrap.providers.{other}")
    ]
    assert not found
