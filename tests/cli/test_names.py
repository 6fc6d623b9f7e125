"""What shells complete: through a real bash, and how long it takes."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SPEC = """
defaults: {control_plane: {nodes: 1}}
clusters:
  tools: {pools: [{name: web, nodes: 2}]}
  test: {control_plane: {nodes: 3}}
"""


def complete(folder: Path, *words: str) -> list[str]:
    """Ask the program as the completion script does."""
    env = {
        **os.environ,
        "_KBOOTSTRAP_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["kbootstrap", *words]),
    }
    env["COMP_CWORD"] = str(len(words))
    done = subprocess.run(
        [sys.executable, "-m", "kbootstrap"], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spec.yaml").write_text(SPEC)
    (tmp_path / "other.yaml").write_text(SPEC.replace("tools", "shop"))
    (tmp_path / "half.yaml").write_text("clusters: {a: [")
    return tmp_path


def test_clusters(folder: Path) -> None:
    assert complete(folder, "plan", "-c", "t") == ["tools", "test"]
    assert complete(folder, "plan", "other.yaml", "--cluster", "s") == ["shop"]


def test_nodes(folder: Path) -> None:
    nodes = ["tools-control-plane-1", "tools-web-1", "tools-web-2"]
    assert complete(folder, "ssh", "tools-")[:3] == nodes
    assert complete(folder, "ssh", "other.yaml", "shop-w") == ["shop-web-1", "shop-web-2"]
    assert complete(folder, "ssh", "tools-web-1", "t") == []


def test_nodes_of_a_renamed_pool_keep_their_names(folder: Path) -> None:
    renamed = SPEC.replace("{name: web, nodes: 2}", "{name: front, nodes: 1, renamed_from: [web, www]}")
    (folder / "spec.yaml").write_text(renamed)
    assert complete(folder, "ssh", "tools-w") == ["tools-web-1"]
    assert "tools-front-1" not in complete(folder, "ssh", "tools-")


def test_pools_beside_nodes(folder: Path) -> None:
    assert complete(folder, "replace", "tools/") == ["tools/web"]
    assert complete(folder, "replace", "other.yaml", "shop-web-1", "shop-") == [
        "shop-control-plane-1",
        "shop-web-2",
    ]
    assert complete(folder, "ssh", "tools/") != ["tools/web"], "a pool has no login"


def test_clusters_beside_nodes(folder: Path) -> None:
    nodes = ["tools-control-plane-1", "tools-web-1", "tools-web-2"]
    assert complete(folder, "conformance", "tools") == ["tools", *nodes]
    others = ["shop-control-plane-1", "shop-web-1", "shop-web-2"]
    assert complete(folder, "conformance", "other.yaml", "shop", "sho") == others
    assert complete(folder, "conformance", "nothing-like-it") == ["nothing-like-it"], "a file, perhaps"


def test_keys_and_codes(folder: Path) -> None:
    assert complete(folder, "explain", "clusters.control_plane.fl") == ["clusters.control_plane.flavor"]
    assert "KB0203" in complete(folder, "explain", "kb02")


@pytest.mark.parametrize("spec", ["half.yaml", "missing.yaml"])
def test_what_cannot_be_read_has_no_names(folder: Path, spec: str) -> None:
    assert complete(folder, "plan", spec, "-c", "t") == []


def test_in_bash(folder: Path) -> None:
    bash = shutil.which("bash")
    assert bash
    script = """
compopt() { :; }
source <(kbootstrap completion bash)
COMP_WORDS=(kbootstrap ssh tools-w) COMP_CWORD=2
$(complete -p kbootstrap | sed 's/.*-F \\([^ ]*\\).*/\\1/') kbootstrap
printf '%s\\n' "${COMPREPLY[@]}"
"""
    program = folder / "bin" / "kbootstrap"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m kbootstrap "$@"\n')
    program.chmod(0o755)
    env = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [bash, "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[:2] == ["tools-web-1", "tools-web-2"], done.stderr


def test_it_is_quick(folder: Path) -> None:
    """In the processor's time: a shell waits for it at every press of the key."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    complete(folder, "ssh", "t")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0
