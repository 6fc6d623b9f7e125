from __future__ import annotations

import pytest

from kbootstrap.render import hcl
from kbootstrap.render.hcl import Block, Comment, Raw, Value, document, instance, quote, value


def test_the_example_of_the_docstring() -> None:
    text = document(
        Comment("The agents of pool web."),
        Block(
            "module",
            "pool_web",
            body=[
                {"source": "../modules/local/nodes", "providers": Raw("{}")},
                {"nodes": {"production-web-1": {"address": "10.0.4.11", "tier": None}}},
                Block("lifecycle", body={"prevent_destroy": True}),
            ],
        ),
    )
    shown = (hcl.__doc__ or "").split("gives\n\n")[1].split("\n\nEach mapping")[0]
    assert text == "\n".join(line.removeprefix("    ") for line in shown.splitlines()) + "\n"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (None, "null"),
        (True, "true"),
        (-3, "-3"),
        (1.5, "1.5"),
        ("a", '"a"'),
        ([], "[]"),
        ({}, "{}"),
        ([1, "b", None], '[1, "b", null]'),
        ({"for": 1}, '{\n  "for" = 1\n}'),
        ({"a-b": 1, "é": 2}, '{\n  "a-b"    = 1\n  "\\u00e9" = 2\n}'),
        ([["a"], {}], '[["a"], {}]'),
        ([{"a": 1}], "[\n  {\n    a = 1\n  },\n]"),
        (["x" * 50, "y" * 50], f'[\n  "{"x" * 50}",\n  "{"y" * 50}",\n]'),
    ],
)
def test_value(data: Value, text: str) -> None:
    assert value(data) == text


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("${x}", '"$${x}"'),
        ("%{ if x }", '"%%{ if x }"'),
        ("$${x}", '"\\u0024$${x}"'),
        ("$ {", '"$ {"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("a\nb\tc\r", '"a\\nb\\tc\\r"'),
        ("\x00\u2028", '"\\u0000\\u2028"'),
        ("é", '"é"'),
    ],
)
def test_quote(text: str, quoted: str) -> None:
    assert quote(text) == quoted


def test_alignment_is_broken_by_values_of_several_lines_and_by_comments() -> None:
    text = document(
        Block("locals", body=[{"a": 1, "bcd": 2, "e": {"x": 1}, "ffffff": 3, "g": 4}, Comment("h")])
    )
    assert text == (
        "locals {\n  a   = 1\n  bcd = 2\n  e = {\n    x = 1\n  }\n  ffffff = 3\n  g      = 4\n\n  # h\n}\n"
    )


def test_blocks_are_set_apart_and_comments_stay_with_what_follows() -> None:
    text = document(Comment("one\n\ntwo"), Block("a"), {}, Comment("c"), {"x": 1}, Block("b", "l"))
    assert text == '# one\n#\n# two\na {}\n\n# c\nx = 1\n\nb "l" {}\n'


def test_no_items_no_text() -> None:
    assert document() == ""


def test_instance() -> None:
    assert instance("module.a.terraform_data.node", "b-1") == 'module.a.terraform_data.node["b-1"]'


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_hcl_does_not_have(bad: float) -> None:
    with pytest.raises(ValueError, match="HCL has no"):
        value(bad)


def test_invalid_values_and_names_are_refused() -> None:
    with pytest.raises(TypeError, match="not an HCL value: object"):
        value(object())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="identifier"):
        document({"a b": 1})
    with pytest.raises(ValueError, match="one line"):
        Raw("a\nb")
