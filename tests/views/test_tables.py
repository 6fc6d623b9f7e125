from __future__ import annotations

from kbootstrap.views.tables import show_table

from .conftest import shown

ROWS = [["k3s", "v1.32.0+k3s1", "", "/a" * 80], ["日本", "1", "", "b"]]


def test_columns_line_up_and_nothing_is_cut_in_a_pipe() -> None:
    text = shown(
        lambda stream, env: show_table(["NAME", "VERSION", "USED", "PATH"], ROWS, stream, env, empty="none")
    )
    assert text.splitlines() == [
        "NAME  VERSION       PATH",
        f"k3s   v1.32.0+k3s1  {'/a' * 80}",
        "日本  1             b",
    ]


def test_empty() -> None:
    assert (
        shown(lambda stream, env: show_table(["NAME"], [], stream, env, empty="nothing yet"))
        == "nothing yet\n"
    )
