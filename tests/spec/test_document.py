from __future__ import annotations

import pytest

from kbootstrap.spec import document, merge


def data(text: str) -> object:
    parsed = document.parse(text, "x")
    assert parsed.diagnostics == ()
    assert parsed.root is not None
    return merge.flatten(parsed.root)[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("yes", "yes"), ("true", True), ("~", None), ("", None), ("null", None),
        ("3", 3), ("-3", -3), ("0o17", 15), ("0x1F", 31), ("010", 10), ("1.30", 1.3), ("1e3", 1000.0),
        (".inf", float("inf")), ("'3'", "3"), ('"a\tb"', "a	b"), ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"), ("!!str 3", "3"), ("!!int 3", 3), ("!!float 3", 3.0), ("! 3", "3"),
        ("9" * 30, 1e30), ("1_000", "1_000"),
    ],
)  # fmt: skip
def test_core_schema(text: str, value: object) -> None:
    found = data(f"a: {text}")
    assert isinstance(found, dict)
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


def test_huge_numbers_do_not_raise() -> None:
    assert data(f"a: {'9' * 9000}") == {"a": float("inf")}


def test_merge_keys() -> None:
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], a: 3}\n"
    assert data(text) == {"x": {"a": 1, "b": 1}, "y": {"b": 2, "c": 2}, "z": {"a": 3, "b": 1, "c": 2}}


def test_spans() -> None:
    root = document.parse("a:\n  bc: 'd'\n  e: |\n    f\n", "x").root
    assert root is not None
    _, source = merge.flatten(root)
    value, key = source.value(("a", "bc")), source.key(("a", "bc"))
    assert value is not None
    assert key is not None
    assert (str(value), value.end_column, value.text) == ("x:2:7", 10, "  bc: 'd'")
    assert (str(key), key.end_column) == ("x:2:3", 5)
    assert str(source.value(("a", "bc", "nothing"))) == "x:2:7"
    assert source.written(("a", "bc"))
    assert not source.written(("a", "b"))
    assert source.paths == ((), ("a",), ("a", "bc"), ("a", "e"))


@pytest.mark.parametrize("text", ["[" * 500_000, "{a: " * 200_000, "- " * 300_000, "? " * 300_000])
def test_deep_nesting_is_refused(text: str) -> None:
    assert [d.code for d in document.parse(text, "x").diagnostics] == ["KB0110"]
