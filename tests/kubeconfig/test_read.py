from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.kubeconfig.read import parse, read
from kbootstrap.kubeconfig.tree import parse as parse_tree

from .conftest import ADMIN, OTHERS


@pytest.mark.parametrize("text", [ADMIN, OTHERS])
def test_what_is_read_is_written_again(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    assert read(path).text == text


def test_indented_lists_stay_indented(tmp_path: Path) -> None:
    text = "clusters:\n  - name: a\n    cluster:\n      server: x\ncontexts: []\n"
    path = tmp_path / "config"
    path.write_text(text)
    assert read(path).text == text


def test_long_lines_are_not_folded(tmp_path: Path) -> None:
    text = f"users:\n- name: a\n  user:\n    client-key-data: {'QUJD' * 3000}\n    note: {'word ' * 500}end\n"
    path = tmp_path / "config"
    path.write_text(text)
    assert read(path).text == text


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n", "clusters: null\nusers: []\n"])
def test_empty_files_are_kubeconfigs(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    assert list(read(path).entries("clusters")) == []


def test_a_missing_file_is_an_empty_one(tmp_path: Path) -> None:
    assert read(tmp_path / "config").root is None


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"clusters: [", "line 1"),
        (b"a: 1\na: 2\n", "line 2"),
        (b"\tclusters: []\n", "line 1"),
        (b"- a\n", "not a mapping"),
        (b"just text", "not a mapping"),
        (b"clusters: {a: 1}\n", "clusters is not a list"),
        (b"users:\n- me\n", "users is not a list"),
        (b"\xff\xfe\x00", "byte 0"),
        (b"a: \x00\n", "broken YAML"),
        (b"a: 1\n---\nb: 1\n", "line 2"),
        (b"!!python/object:os.system {}\n---\n", "line"),
    ],
)
def test_broken_files(tmp_path: Path, content: bytes, part: str) -> None:
    path = tmp_path / "config"
    path.write_bytes(content)
    with pytest.raises(PrerequisiteMissing) as caught:
        read(path)
    assert caught.value.code == "KB1002"
    assert str(path) in caught.value.message
    assert part in caught.value.message
    assert path.read_bytes() == content


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteMissing) as caught:
        read(tmp_path)
    assert caught.value.code == "KB1001"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config")
    with pytest.raises(PrerequisiteMissing, match="a pipe") as caught:
        read(tmp_path / "config")
    assert caught.value.code == "KB1001"


def test_devices_are_empty() -> None:
    assert read(Path("/dev/null")).root is None


def test_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.touch(mode=0)
    with _unprivileged(), pytest.raises(PrerequisiteMissing, match="Permission denied"):
        read(path)


@contextlib.contextmanager
def _unprivileged() -> Iterator[None]:
    """Give up root's right to read everything for a moment."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


@given(st.text(alphabet=" \n-:[]{}&*!|>'\"#%@`,ab1\t\x00é", max_size=60))
def test_any_text_is_read_or_refused_clearly(text: str) -> None:
    path = Path("config")
    with contextlib.suppress(PrerequisiteMissing):
        assert parse(text, path).text == text


def test_a_text_as_data_and_its_tree_is_kept() -> None:
    text = "a: &x {b: 1, c: [~, 'null', t]}\nd: *x\ne:\n"
    tree = parse_tree(text)
    assert tree.root is not None
    inside = {"b": "1", "c": [None, "null", "t"]}
    assert tree.root.data() == {"a": inside, "d": inside, "e": None}
    assert parse_tree(text) is tree
