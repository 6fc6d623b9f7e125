"""What each spec in `specs/` renders to, kept as trees that are reviewed as a diff (modules left out)."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.render.provenance import Provenance
from kbootstrap.render.tree import header
from tests.golden import compare_tree
from tests.render.trees import render, specs

GOLDEN = Path(__file__).parent / "golden"
each_spec = pytest.mark.parametrize("path", specs(), ids=lambda path: path.stem)


@each_spec
def test_the_tree_is_the_golden_one(path: Path, update_golden: bool) -> None:
    files = {name: text for name, text in render(path).tree.files.items() if not name.startswith("modules/")}
    compare_tree(GOLDEN / path.stem, files, update=update_golden)


@each_spec
def test_rendering_again_gives_the_same_bytes(path: Path) -> None:
    assert render(path).tree == render(path).tree


@each_spec
def test_every_resource_leads_to_a_line_of_the_spec(path: Path) -> None:
    rendered = render(path)
    for cluster, root in rendered.roots.items():
        provenance = Provenance.of(root, rendered.tree.files, cluster, rendered.spec.source)
        for address in root.provenance:
            assert provenance.span(provenance.path(address)), address
        for name in root.files:
            text = rendered.tree.files[f"{cluster}/{name}"]
            assert text.startswith(header(path.name))
            for number, line in enumerate(text.splitlines(), 1):
                if line.startswith(("module ", "resource ")):
                    block = provenance.address(name, number)
                    assert block, f"{name}:{number}"
                    assert provenance.path(block), f"{name}:{number}: no provenance for {block}"
