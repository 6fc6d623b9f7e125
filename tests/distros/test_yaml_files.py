from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from kbootstrap.distros.yaml_files import HEADER, dump


def load(text: str) -> object:
    return YAML(typ="safe", pure=True).load(io.StringIO(text))


def test_keys_are_sorted_and_the_header_comes_first() -> None:
    text = dump(
        {"token-file": "/etc/x", "disable": ["b", "a"], "cluster-init": True, "n": 3, "empty": []}, "Why."
    )
    assert text == (
        HEADER + "# Why.\ncluster-init: true\ndisable:\n  - b\n  - a\nempty: []\nn: 3\ntoken-file: /etc/x\n"
    )


@pytest.mark.parametrize(
    "word", ["true", "No", "null", "~", "0600", "1e3", "a: b", "a #b", "", "- x", "10.0", "0x1"]
)
def test_words_that_yaml_reads_otherwise_are_quoted(word: str) -> None:
    assert load(dump({"key": word})) == {"key": word}


@pytest.mark.parametrize(
    "word",
    ["https://10.9.0.10:6443", "10.9.0.11", "10.42.0.0/16", "dedicated=db:NoSchedule", "tier=web", "/a/b-c"],
)
def test_usual_words_stay_readable(word: str) -> None:
    assert f"key: {word}\n" in dump({"key": word})
    assert load(dump({"key": word})) == {"key": word}


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z-]{0,10}", fullmatch=True).filter(
            lambda key: key not in {"y", "n", "on", "no"}
        ),
        st.text(st.characters(codec="utf-8", exclude_categories=["C"], exclude_characters="\u2028\u2029"))
        | st.booleans()
        | st.lists(st.text(st.characters(codec="ascii", exclude_categories=["C"]))),
        min_size=1,
    )
)
def test_what_is_written_is_read_back(values: dict[str, str | bool | list[str]]) -> None:
    assert load(dump(values)) == values
