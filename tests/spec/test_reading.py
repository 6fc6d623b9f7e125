from __future__ import annotations

import os
from pathlib import Path

import pytest

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.core.errors import WrongUsage
from kbootstrap.spec import document, reading
from kbootstrap.spec.load import load


def code_of(path: Path, data: bytes) -> tuple[str, str]:
    path.write_bytes(data)
    loaded = load(path)
    assert loaded.spec is None
    (problem,) = loaded.diagnostics
    return problem.code, f"{problem.span.line}:{problem.span.column}" if problem.span else ""


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        (b"", "KB0101", "1:1"),
        ("name: dev\n".encode("utf-16"), "KB0102", "1:1"),
        ("name: dev\n".encode("utf-32"), "KB0102", "1:1"),
        ("name: dev\n".encode("utf-16-le"), "KB0102", "1:1"),
        ("a: b\nname: caf\xe9\n".encode("latin-1"), "KB0102", "2:10"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "KB0103", "1:1"),
        (b"a: b\nc: \x00\n", "KB0103", "2:1"),
        (b"a: b\nc: \x07\n", "KB0103", "2:4"),
        ("a: b\nc: \u2028\n".encode(), "KB0103", "2:4"),
        (b"#" * (10 * 1024 * 1024), "KB0104", "1:1"),
    ],
)
def test_no_yaml(tmp_path: Path, data: bytes, code: str, place: str) -> None:
    assert code_of(tmp_path / "spec.yaml", data) == (code, place)


def test_utf8_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    text = "apiVersion: kbootstrap/v1alpha1\nname: dev\nclusters: {}\n"
    assert code_of(tmp_path / "spec.yaml", text.replace("\n", "\r\n").encode("utf-8-sig")) == (
        "KB0207",
        "3:11",
    )


def test_large_files_are_refused_before_they_are_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(*_: object) -> None:
        pytest.fail("the file was parsed")

    monkeypatch.setattr(document, "parse", parse)
    data = b"a: [1, 2]\n" * 1024 * 1024
    assert code_of(tmp_path / "spec.yaml", data) == ("KB0104", "1:1")


@pytest.mark.parametrize("name", ["missing.yaml", "", "file/inside", "nul\0"])
def test_paths_that_lead_nowhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WrongUsage) as caught:
        load(tmp_path / name)
    assert caught.value.code == "KB0100"


def test_what_cannot_be_read_is_said() -> None:
    with pytest.raises(WrongUsage, match="cannot read '/proc/self/mem'"):
        load(Path("/proc/self/mem"))


def test_endless_files_are_refused() -> None:
    assert len(reading.read(Path("/dev/zero"))) == reading.LIMIT + 1


def test_a_named_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WrongUsage, match="it is a pipe"):
        reading.read(tmp_path / "pipe")


def test_a_pipe_that_is_open_already_can_be_read() -> None:
    out, into = os.pipe()
    os.write(into, b"name: dev\n")
    os.close(into)
    try:
        assert reading.read(Path(f"/dev/fd/{out}")) == b"name: dev\n"
    finally:
        os.close(out)


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32"])
def test_the_help_converts_from_the_encoding_that_was_found(encoding: str) -> None:
    found = reading.decode("name: dev\n".encode(encoding), "spec.yaml")
    assert isinstance(found, Diagnostic)
    assert f"iconv -f {encoding} -t UTF-8" in found.help
