from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.kubeconfig.paths import entry_name, for_new_entries, search_list

HOME = Path("/home/ops")


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (None, ["/home/ops/.kube/config"]),
        ("", ["/home/ops/.kube/config"]),
        (":", ["/home/ops/.kube/config"]),
        ("/a", ["/a"]),
        ("/a:/b", ["/a", "/b"]),
        (":/a::/b:/a:", ["/a", "/b"]),
    ],
)
def test_search_list(variable: str | None, expected: list[str]) -> None:
    env = {} if variable is None else {"KUBECONFIG": variable}
    assert search_list(env, HOME) == tuple(map(Path, expected))


def test_new_entries_go_to_the_first_file_that_exists(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in "abc")
    second.touch()
    third.touch()
    assert for_new_entries([first, second, third]) == second


def test_new_entries_go_to_the_last_file_when_none_exists(tmp_path: Path) -> None:
    assert for_new_entries([tmp_path / "a", tmp_path / "b"]) == tmp_path / "b"


def test_entry_names_of_different_clusters_never_meet() -> None:
    assert entry_name("dev", "local") == "kbootstrap-dev/local"
    assert entry_name("a", "b-c") != entry_name("a-b", "c")
