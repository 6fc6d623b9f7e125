"""The wheel in an empty environment, outside the checkout: what a user who never saw the source gets."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.e2e.lab import CHECKOUT, Lab, leftovers

pytestmark = [pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of the wheel, installed with the pinned dependencies into a new environment."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(folder), str(CHECKOUT)],
        check=True,
        capture_output=True,
        timeout=180,
    )
    wheel = next(folder.glob("*.whl"))
    venv.create(folder / "env", with_pip=True)
    pip = [str(folder / "env" / "bin" / "python"), "-m", "pip", "install", "-q"]
    runtime = _runtime_lock(folder)
    subprocess.run([*pip, "--require-hashes", "-r", str(runtime)], check=True, timeout=300)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True, timeout=120)
    return folder / "env" / "bin" / "kbootstrap"


def _runtime_lock(folder: Path) -> Path:
    """Return a copy of the lock: pip installs only what the wheel needs of it, hashes and all."""
    target = folder / "requirements.lock"
    target.write_text((CHECKOUT / "requirements.lock").read_text())
    return target


def test_init_apply_destroy(lab: Lab, installed: Path) -> None:
    lab.kbootstrap = (str(installed),)
    text = lab.run("init", "--provider", "local").stdout.replace("  local:", "  e2ewheel:", 1)
    spec = lab.spec(text, "dev.yaml")
    try:
        lab.run("apply", "-y", spec)
        assert len(lab.ready_nodes()) == 2
        lab.run("apply", "-y", "--detailed-exitcode", spec)
    finally:
        lab.run("destroy", "-y", spec)
        assert leftovers("dev", "e2ewheel") == []
