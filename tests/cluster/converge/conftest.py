"""Artifacts on the operator's machine, and short waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.cluster.converge import node_actions, readiness, watch
from kbootstrap.cluster.state.desired import LocalFile


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits, which are constants of modules."""
    monkeypatch.setattr(node_actions, "POLL", 0.01)
    monkeypatch.setattr(watch, "POLL", 0.01)
    monkeypatch.setattr(readiness, "READY", 0.5)


@pytest.fixture
def local(tmp_path: Path) -> dict[str, LocalFile]:
    names = ("k3s", "k3s-airgap-images-amd64.tar.zst")
    for name in names:
        (tmp_path / name).write_bytes(name.encode() * 100)
    return {name: LocalFile(tmp_path / name, "5" * 64) for name in names}
