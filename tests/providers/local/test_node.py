"""The node's own scripts, as far as they run without a node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from kbootstrap.providers.local.image import NODE

PROGRAMS = sorted((NODE / "overlay/usr/local").glob("*/*"))


@pytest.mark.parametrize("path", [*PROGRAMS, NODE / "setup"], ids=lambda path: path.name)
def test_the_shell_understands_it(path: Path) -> None:
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0


def test_both_ways_share_packages_and_overlay() -> None:
    dockerfile = (NODE / "Dockerfile").read_text("utf-8")
    assert "< /kbootstrap/packages" in dockerfile
    assert "COPY overlay /" in dockerfile
    packages = (NODE / "packages").read_text("utf-8").split()
    assert packages == sorted(packages)


@pytest.mark.parametrize("form", ["create --bundle FOLDER --pid-file p id", "create -b FOLDER id"])
def test_crun_raises_negative_scores_and_runs_runc(tmp_path: Path, form: str) -> None:
    config = {"process": {"oomScoreAdj": -998, "args": ["/pause"]}}
    (tmp_path / "config.json").write_text(json.dumps(config, separators=(",", ":")))
    runc = tmp_path / "runc"
    runc.write_text('#!/bin/sh\necho "$@"\n')
    runc.chmod(0o755)
    done = subprocess.run(
        ["sh", NODE / "overlay/usr/local/bin/crun", *form.replace("FOLDER", str(tmp_path)).split()],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("create ")
    assert json.loads((tmp_path / "config.json").read_text())["process"]["oomScoreAdj"] == 0


def test_crun_also_handles_exec(tmp_path: Path) -> None:
    process = tmp_path / "process.json"
    process.write_text('{"oomScoreAdj":-997,"cwd":"/"}')
    (tmp_path / "runc").write_text("#!/bin/sh\n")
    (tmp_path / "runc").chmod(0o755)
    command = ["sh", str(NODE / "overlay/usr/local/bin/crun"), "exec", "--process", str(process), "id"]
    subprocess.run(command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    assert process.read_text() == '{"oomScoreAdj":0,"cwd":"/"}'
