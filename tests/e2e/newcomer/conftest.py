"""A cluster as a newcomer meets it: the program is the one of the wheel, the first apply a saved plan."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.lab import CHECKOUT, Lab, begin, destroyed_after, new_lab
from tests.e2e.newcomer.names import C, labelled, plain


@pytest.fixture(scope="package")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of the wheel, with the pinned dependencies, in a new environment outside the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(folder), str(CHECKOUT)],
        check=True,
        capture_output=True,
        timeout=1200,
    )
    wheel, env = next(folder.glob("*.whl")), folder / "env"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "-q", "--python", sys.executable, str(env)], check=True, timeout=600)
    install = [*uv, "pip", "install", "-q", "--python", str(env / "bin" / "python")]
    lock = str(CHECKOUT / "requirements.lock")
    subprocess.run([*install, "--require-hashes", "-r", lock], check=True, timeout=1200)
    subprocess.run([*install, "--no-deps", str(wheel)], check=True, timeout=600)
    return env / "bin" / "kbootstrap"


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory, tool: str, installed: Path) -> Iterator[Lab]:
    """A cluster of the spec that `init` prints. What the first runs said is kept in files."""
    lab = new_lab(tmp_path_factory, "newcomer", tool)
    lab.kbootstrap = (str(installed),)
    printed = lab.run("init", "--provider", "local").stdout
    (lab.folder / "printed").write_text(printed)
    base = plain(printed)
    lab.run("validate", lab.spec(base))
    with destroyed_after(lab, "dev", C):
        lab.run("plan", "--out", "first.plan", "spec.yaml")
        lab.spec(labelled(base, "team: ops"))
        refused = lab.run("apply", "first.plan", code=None)
        (lab.folder / "refused.err").write_text(f"{refused.returncode}\n{refused.stderr}")
        lab.spec(base)
        done = lab.run("apply", "-o", "json", "--events", "events.jsonl", "first.plan")
        (lab.folder / "applied.out").write_text(done.stdout)
        (lab.folder / "applied.err").write_text(done.stderr)
        yield lab


@pytest.fixture(scope="module", autouse=True)
def chapter(request: pytest.FixtureRequest, cluster: Lab) -> None:
    """Begin each module with the spec that its `SPEC` makes of what `init` prints."""
    begin(request, cluster, request.module.SPEC((cluster.folder / "printed").read_text()))
