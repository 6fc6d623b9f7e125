"""Workspaces in unusual folders."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.lab import Lab
from tests.e2e.specs import small


def test_a_workspace_in_an_unusual_folder(lab: Lab) -> None:
    place = lab.folder / "space and ünïcode"
    place.mkdir()
    spec = Path(place / "spec.yaml")
    spec.write_text(lab.text(small("e2efolder")))
    lab.run("render", spec, "--out", place / "out")
    lab.run("render", spec, "--out", place / "out", "--check")
    lab.run("plan", "--detailed-exitcode", spec, code=2)
