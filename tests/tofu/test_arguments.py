from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.tofu.arguments import FLAG, build


def test_options_become_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "terraform.tfstate").write_text("{")  # the library would read it
    monkeypatch.chdir(tmp_path)
    command = build(
        Path("/a b/tofu"),
        "plan",
        "x",
        json=FLAG,
        input=False,
        lock_timeout="60s",
        replace=["a", 'b["c"]'],
        out=None,
    )
    assert command == [
        "/a b/tofu",
        "plan",
        "-json",
        "-input=false",
        "-lock-timeout=60s",
        "-replace=a",
        '-replace=b["c"]',
        "x",
    ]
    assert build(Path("t"), "state list") == ["t", "state", "list"]
