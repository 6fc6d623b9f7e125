"""The archive inside k3s has the layout that k3s verifies when it unpacks it."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import zstandard

from kbootstrap.artifacts.source.bundle import pack


def test_layout_sums_links_and_name(tmp_path: Path) -> None:
    programs = {}
    for name in ("k3s", "cni", "runc"):
        programs[name] = tmp_path / name
        programs[name].write_bytes(name.encode())
    (tmp_path / "out").mkdir()
    archive = pack(programs, tmp_path / "out", {"kubectl": "k3s", "k3s-server": "k3s"})
    assert archive.name == f"{hashlib.sha256(archive.read_bytes()).hexdigest()}.tar.zst"
    with zstandard.open(archive) as stream, tarfile.open(fileobj=io.BytesIO(stream.read())) as opened:
        members = {member.name: member for member in opened}
        sums = opened.extractfile("bin/.sha256sums")
        links = opened.extractfile("bin/.links")
        assert sums is not None
        assert links is not None
        listed = {line.split()[1]: line.split()[0] for line in sums.read().decode().splitlines()}
        linked = dict(line.split() for line in links.read().decode().splitlines())
    assert listed == {name: hashlib.sha256(name.encode()).hexdigest() for name in programs}
    assert linked["kubectl"] == "k3s"
    assert linked["flannel"] == "cni"
    assert {f"bin/{n}": t for n, t in linked.items()} == {
        n: m.linkname for n, m in members.items() if m.issym()
    }
    assert all(members[f"bin/{name}"].mode == 0o755 for name in programs)
