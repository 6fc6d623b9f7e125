from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden import compare_tree


def test_a_tree_is_compared_and_rewritten(tmp_path: Path) -> None:
    compare_tree(tmp_path, {"a/b": "1\n", "c": ""}, update=True)
    compare_tree(tmp_path, {"a/b": "1\n", "c": ""}, update=False)
    with pytest.raises(AssertionError, match=r"-1\n\+2"):
        compare_tree(tmp_path, {"a/b": "2\n", "c": ""}, update=False)
    with pytest.raises(AssertionError, match="c: only one side"):
        compare_tree(tmp_path, {"a/b": "1\n"}, update=False)
    compare_tree(tmp_path, {"a/b": "2\n"}, update=True)
    compare_tree(tmp_path, {"a/b": "2\n"}, update=False)
