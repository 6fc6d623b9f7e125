from __future__ import annotations

import pytest

from kbootstrap.core.diagnostics import Span, SpecPath
from kbootstrap.render.hcl import Block, Raw, document
from kbootstrap.render.model import RenderedRoot
from kbootstrap.render.provenance import NOWHERE, Provenance
from kbootstrap.render.tree import assemble
from kbootstrap.spec.source_map import SourceMap

POOL: SpecPath = ("clusters", "dev", "pools", 0)
ROOT = RenderedRoot(
    {
        "pool_web.tf": document(
            Block("module", "pool_web", body={"source": "./m", "nodes": {"dev-web-1": {"a": 1}}}),
            Block("module", "empty"),
            Block("output", "kbootstrap", body={"value": Raw("module.pool_web")}),
            Block("resource", "terraform_data", "a", body={"input": [{"x": 1}]}),
            Block("terraform", body=[Block("backend", "local")]),
        )
    },
    (),
    {
        "module.pool_web": POOL,
        'module.pool_web.terraform_data.node["dev-web-1"]': (*POOL, "nodes"),
        "module.pool": ("clusters",),
    },
)
SPANS = {
    ("clusters",): Span("dev.yaml", 3, 1, 9),
    POOL: Span("dev.yaml", 5, 9, 10),
    (*POOL, "nodes"): Span("dev.yaml", 6, 9, 14),
}
PROVENANCE = Provenance.of(
    ROOT,
    assemble("dev.yaml", {"dev": ROOT}, {}).files,
    "dev",
    SourceMap({(*POOL, "nodes"): SPANS[(*POOL, "nodes")]}, SPANS),
)


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ('module.pool_web.terraform_data.node["dev-web-1"]', (*POOL, "nodes")),
        ('module.pool_web.terraform_data.node["dev-web-2"]', POOL),
        ("module.pool_web", POOL),
        ("module.pool_web2.x.y", None),
        ("module.pool", ("clusters",)),
        ("", None),
    ],
)
def test_the_longest_prefix_wins(address: str, path: SpecPath | None) -> None:
    assert PROVENANCE.path(address) == path


def test_a_line_of_a_rendered_file_leads_to_its_block() -> None:
    found = [PROVENANCE.address("pool_web.tf", line) for line in range(1, 29)]
    assert found == [
        *[None] * 2,
        *["module.pool_web"] * 8,
        None,
        "module.empty",
        None,
        *["output.kbootstrap"] * 3,
        None,
        *["terraform_data.a"] * 7,
        None,
        *["terraform"] * 3,
    ]
    assert PROVENANCE.address("other.tf", 1) is None
    assert PROVENANCE.address("pool_web.tf", 99) is None


def test_a_place_has_a_span() -> None:
    assert PROVENANCE.span((*POOL, "nodes")) == SPANS[(*POOL, "nodes")]
    assert PROVENANCE.span((*POOL, "flavor")) == SPANS[POOL]
    assert PROVENANCE.span(None) is None
    assert NOWHERE.span(POOL) is None
