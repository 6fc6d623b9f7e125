"""Workspaces in unusual folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.lab import Lab
from tests.e2e.specs import small


@pytest.mark.parametrize("folder", ["with space", "ünïcode"])
def test_a_workspace_in_an_unusual_folder(lab: Lab, folder: str) -> None:
    place = lab.folder / folder
    place.mkdir()
    spec = Path(place / "spec.yaml")
    spec.write_text(lab.text(small("e2efolder")))
    lab.run("render", spec, "--out", place / "out")
    lab.run("render", spec, "--out", place / "out", "--check")
    lab.run("plan", "--detailed-exitcode", spec, code=2)
