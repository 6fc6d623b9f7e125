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


V1 = {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}
LARGEST = {"memory/memory.limit_in_bytes": "9223372036854771712"}
"""What Linux shows where there is no limit."""


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({}, ""),
        (V1 | LARGEST, ""),
        ({"cpu.max": "max 100000", "memory.max": "max"}, ""),
        (V1 | {"cpu/cpu.cfs_quota_us": "100000"} | LARGEST, "cpu=1000m"),
        (V1 | {"memory/memory.limit_in_bytes": str(2 << 30)}, "memory=6291456Ki"),
        ({"cpu,cpuacct/cpu.cfs_quota_us": "50000", "cpu,cpuacct/cpu.cfs_period_us": "100000"}, "cpu=1500m"),
        ({"cpu.max": "150000 100000", "memory.max": str(1 << 30)}, "cpu=500m,memory=7340032Ki"),
        ({"cpu.max": "200000 100000", "memory.max": str(8 << 30)}, ""),
    ],
)
def test_the_kubelet_does_not_get_what_the_container_does_not_have(
    groups: dict[str, str], said: str, tmp_path: Path
) -> None:
    for name, content in groups.items():
        place = tmp_path / "cgroup" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{content}\n")
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: x\n\nprocessor\t: 1\n")
    (tmp_path / "meminfo").write_text(f"MemTotal: {8 << 20} kB\nMemFree: 1 kB\n")
    program = NODE / "overlay/usr/local/sbin/kbootstrap-node-rest"
    command = ["sh", str(program), str(tmp_path / "cgroup"), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == said
