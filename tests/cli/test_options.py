"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

from tests.specs import SPECS

from .test_commands import run


def test_the_name_of_the_program_is_reported_unchanged(tmp_path: Path) -> None:
    (tmp_path / "local.yaml").write_text((SPECS / "local.yaml").read_text())
    option = run("plan", "--tofu", "/no/tofu", "local.yaml", cwd=tmp_path)
    variable = run("plan", "local.yaml", cwd=tmp_path, env={"KBOOTSTRAP_TOFU": "/no/tofu"})
    assert option.returncode == variable.returncode == 5
    assert "--tofu names /no/tofu" in option.stderr
    assert "KBOOTSTRAP_TOFU names /no/tofu" in variable.stderr
