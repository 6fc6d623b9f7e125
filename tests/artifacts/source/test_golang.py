"""The flags that Go gets, and what its failures mean for the operator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kbootstrap.artifacts.source.golang import Go, explained
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.process import Finished, LocalRunner
from tests.artifacts.conftest import Ear, FakeRunner


def go(runner: FakeRunner, cache: Path, **env: str) -> Go:
    return Go(runner, cache, env, Ear())


async def test_no_go(tmp_path: Path, runner: FakeRunner) -> None:
    with pytest.raises(PrerequisiteMissing, match="is not on this machine") as caught:
        await go(runner, tmp_path).version(tmp_path)
    assert caught.value.code == "KB0907"


@pytest.mark.parametrize("said", ["go1.19.8", "go1.20", "devel +abc", ""])
async def test_go_too_old(tmp_path: Path, said: str) -> None:
    runner = FakeRunner(lambda _argv, _cwd: said)
    runner.programs["go"] = Path("/usr/bin/go")
    with pytest.raises(PrerequisiteMissing, match=r"needs Go 1\.21 or newer"):
        await go(runner, tmp_path).version(tmp_path)


async def test_version_is_the_one_that_builds_this_module(tmp_path: Path) -> None:
    """A newer toolchain may be fetched for one module and not for another."""

    def answer(_argv: Sequence[str], cwd: Path | None) -> str:
        return "go1.26.6\n" if cwd == tmp_path else "go1.22.1\n"

    runner = FakeRunner(answer)
    runner.programs["go"] = Path("/usr/bin/go")
    assert await go(runner, tmp_path).version(tmp_path) == "go1.26.6"


async def test_no_setting_of_the_user_weakens_a_build(tmp_path: Path) -> None:
    runner = FakeRunner(lambda _argv, _cwd: "")
    weak = {
        "GOFLAGS": "-mod=mod -insecure",
        "GOARCH": "arm64",
        "GOWORK": "/x/go.work",
        "GOPROXY": "https://p",
    }
    await go(runner, tmp_path, **weak).build(
        tmp_path, "./x", tmp_path / "x", tags=("a", "b"), ldflags=("-X a=b",), cgo=False, static=True
    )
    [env], [argv] = runner.envs, runner.ran
    assert env["GOFLAGS"] == "-buildvcs=false -modcacherw -mod=readonly"
    assert env["GOWORK"] == "off"
    assert env["GOPROXY"] == "https://p"
    assert env["CGO_ENABLED"] == "0"
    assert env["GOMODCACHE"] == str(tmp_path / "go" / "mod")
    assert "GOARCH" not in env
    assert argv[2:5] == ("-trimpath", "-tags=a,b", "-ldflags=-w -s -X a=b -extldflags=-static")


@pytest.mark.parametrize(
    ("said", "code", "exit_code"),
    [
        ("write /x: no space left on device", "KB0904", 5),
        ("x.go:1:2: missing go.sum entry for module providing package y", "KB0903", 1),
        ("verifying y@v1: checksum mismatch\nSECURITY ERROR", "KB0903", 1),
        ("go: updates to go.mod needed", "KB0903", 1),
        ("dial tcp: lookup proxy.example.org: no such host", "KB0910", 5),
        ("reading https://proxy.example.org/x/@v/v1.zip: 403 Forbidden", "KB0910", 5),
        ('cgo: C compiler "gcc" not found: exec: "gcc"', "KB0908", 5),
        ("x.go:1:2: undefined: y", "KB0911", 1),
    ],
)
def test_failures_have_a_meaning(said: str, code: str, exit_code: int) -> None:
    error = explained(Finished(("go", "build"), 1, "", said), "k3s", Path("/cache"))
    assert (error.code, error.exit_code) == (code, exit_code)
    assert error.hint


async def test_a_go_that_cannot_run_or_is_too_old_is_passed_over(tmp_path: Path) -> None:
    scripts = {
        "one": "#!/no/interpreter\n",
        "two": "#!/bin/sh\necho go1.19.8\n",
        "three": "#!/bin/sh\necho $0 >&2; echo go1.24.1\n",
    }
    for folder, content in scripts.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "go").write_text(content)
        (tmp_path / folder / "go").chmod(0o755)
    path = ":".join(str(tmp_path / folder) for folder in scripts)
    found = Go(LocalRunner({"PATH": path}), tmp_path, {"PATH": path}, ear := Ear())
    assert await found.version(tmp_path) == "go1.24.1"
    assert str(tmp_path / "three" / "go") in ear.text
    (tmp_path / "three" / "go").unlink()
    with pytest.raises(
        PrerequisiteMissing, match=r"interpreter is not on this machine; this machine has go1\.19\.8"
    ):
        await found.version(tmp_path)
