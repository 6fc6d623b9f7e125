"""Label selectors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbootstrap.checks.workloads.selectors import matches

words = st.sampled_from(["a", "b", "c"])
label_sets = st.dictionaries(words, words, max_size=3)


def expression(operator: str, *values: str) -> dict[str, Any]:
    one = {"key": "a", "operator": operator, **({"values": list(values)} if values else {})}
    return {"matchExpressions": [one]}


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        (None, {}, False),
        ({}, {}, True),
        ({}, {"a": "1"}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "1", "b": "2"}, True),
        ({"matchLabels": {"a": "1", "b": "2"}}, {"a": "1"}, False),
        (expression("In", "1", "2"), {"a": "2"}, True),
        (expression("In", "1", "2"), {}, False),
        (expression("NotIn", "1"), {"a": "1"}, False),
        (expression("NotIn", "1"), {}, True),
        (expression("Exists"), {"a": ""}, True),
        (expression("Exists"), {"b": ""}, False),
        (expression("DoesNotExist"), {"b": ""}, True),
        (expression("DoesNotExist"), {"a": ""}, False),
        (expression("OfTheFuture"), {"a": "1"}, False),
        ({"matchLabels": {"a": "1"}, **expression("NotIn", "1")}, {"a": "1"}, False),
    ],
)
def test_matches(selector: dict[str, Any] | None, labels: dict[str, str], expected: bool) -> None:
    assert matches(selector, labels) is expected


@given(label_sets, label_sets)
def test_labels_match_what_they_contain(own: dict[str, str], others: dict[str, str]) -> None:
    assert matches({"matchLabels": own}, {**others, **own})


@given(words, st.lists(words, min_size=1), label_sets)
def test_operators_are_opposites(key: str, values: list[str], labels: dict[str, str]) -> None:
    def holds(operator: str) -> bool:
        return matches({"matchExpressions": [{"key": key, "operator": operator, "values": values}]}, labels)

    assert holds("In") is not holds("NotIn")
    assert holds("Exists") is not holds("DoesNotExist")
