"""The same input gives the same bytes, wherever and whenever it is packed."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import zstandard

from kbootstrap.artifacts.source.pack import Data, Entry, Folder, Symlink, compressed, write_tar


def packed(entries: dict[str, Entry]) -> bytes:
    stream = io.BytesIO()
    write_tar(stream, entries)
    return stream.getvalue()


def test_order_place_and_time_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"content")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "two").write_bytes(b"content")
    (tmp_path / "folder" / "two").chmod(0o600)
    first = packed({"bin/x": Data(tmp_path / "one", 0o755), "bin/y": Symlink("x")})
    second = packed({"bin/y": Symlink("x"), "bin/x": Data(tmp_path / "folder" / "two", 0o755)})
    assert first == second == packed({"bin/x": Data(b"content", 0o755), "bin/y": Symlink("x")})


def test_entries_are_what_was_asked_for() -> None:
    content = packed({"tmp": Folder(0o1777), "usr/bin/x": Data(b"abc", 0o755), "usr/bin/y": Symlink("x")})
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = {member.name: member for member in archive}
    assert list(members) == ["tmp", "usr", "usr/bin", "usr/bin/x", "usr/bin/y"]
    assert members["tmp"].mode == 0o1777
    assert members["usr"].isdir()
    assert (members["usr/bin/x"].mode, members["usr/bin/x"].size) == (0o755, 3)
    assert members["usr/bin/y"].linkname == "x"
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members.values()} == {(0, 0, 0, "", "")}


def test_compression_gives_the_same_bytes_and_the_content(tmp_path: Path) -> None:
    content = b"".join(str(number).encode() for number in range(300_000))
    for name in ("a", "b"):
        with compressed(tmp_path / name) as stream:
            write_tar(stream, {"x": Data(content)})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with zstandard.open(tmp_path / "a") as stream:
        assert stream.read() == packed({"x": Data(content)})
