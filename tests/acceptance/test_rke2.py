"""The command that runs the tests of RKE2 with the vendor's files: what it says, and what it runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from kbootstrap.artifacts.source import machine
from tests.acceptance.rke2 import CHAPTERS, HARDENED, main
from tests.e2e.rke2 import release
from tests.e2e.rke2.release import RkeRelease, Unusable, of, pair
from tests.specs import CHECKOUT
from tests.standin import engine

OLD, NEW = "v1.31.14+rke2r1", "v1.32.11+rke2r1"
ARCH = machine.architecture()


def publish(folder: Path, version: str, *kinds: str) -> None:
    place = folder / version
    place.mkdir(parents=True)
    lines = []
    for name in (
        f"rke2.linux-{ARCH}.tar.gz",
        *(f"rke2-images-{kind}.linux-{ARCH}.tar.zst" for kind in kinds),
    ):
        (place / name).write_text(name)
        lines.append(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n")
    (place / f"sha256sum-{ARCH}.txt").write_text("".join(lines))


def run(env: Mapping[str, str], *more: str) -> tuple[int, list[str], Mapping[str, str]]:
    """Return the exit code, and the command line and the environment that would run."""
    ran: list[tuple[list[str], Mapping[str, str]]] = []

    def instead(_: str, argv: Sequence[str], given: Mapping[str, str]) -> None:
        ran.append(([*argv], given))

    code = main(env, more, instead)
    return code, *(ran[0] if ran else ([], {}))


def test_without_files_it_says_how_to_get_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for env in ({}, {release.FOLDER: str(tmp_path)}, {release.FOLDER: str(tmp_path / "none")}):
        assert run(env) == (2, [], {})
        assert "tests.acceptance.download" in capsys.readouterr().err


def test_each_file_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path, OLD, "core")
    publish(tmp_path, NEW, "core", "canal")
    (tmp_path / NEW / f"sha256sum-{ARCH}.txt").write_text("")
    assert run({release.FOLDER: str(tmp_path)})[0] == 2
    said = capsys.readouterr().err
    assert f"{tmp_path / OLD}/rke2-images-canal.linux-{ARCH}.tar.zst is missing" in said
    assert f"{tmp_path / NEW}/sha256sum-{ARCH}.txt is missing, or has no checksums" in said


def test_it_runs_the_suite_with_the_vendors_files(tmp_path: Path) -> None:
    for version in (OLD, NEW):
        publish(tmp_path, version, "core", "canal", "flannel")
    code, argv, env = run({release.FOLDER: str(tmp_path)}, "-x")
    assert code == 0
    assert {
        "--full",
        "tests/e2e/rke2",
        "tests/e2e/test_both_distributions.py",
        "tests/e2e/test_hardened.py",
        "-x",
    } <= {*argv}
    assert env["CI"] == "true"
    code, argv, _ = run({release.FOLDER: str(tmp_path), release.CNI: "flannel"})
    assert code == 0
    assert "tests/e2e/test_hardened.py" not in argv, "flannel does not enforce network policies"


def test_places_of_the_suite_exist() -> None:
    assert all((CHECKOUT / place).exists() for place in (*CHAPTERS, HARDENED))


def test_the_newest_pair_of_minors_is_chosen() -> None:
    assert pair(
        ["v1.31.2+rke2r1", "v1.31.14+rke2r1", "v1.32.9+rke2r1", "v1.32.11+rke2r2", "v1.34.1+rke2r1"]
    ) == (
        "v1.31.14+rke2r1",
        "v1.32.11+rke2r2",
    )
    assert pair(["v1.32.9+rke2r1", "v1.32.1+k3s1", "other"]) == ("", "")


def test_the_release_decides_about_the_spec(tmp_path: Path) -> None:
    for version in (OLD, NEW):
        publish(tmp_path, version, "core", "cilium")
    vendors = of({release.FOLDER: str(tmp_path), release.CNI: "cilium"}, ARCH)
    assert vendors == RkeRelease(OLD, NEW, "cilium", tmp_path)
    assert vendors.vendor
    assert vendors.mirror() == f"file://{tmp_path}"
    assert vendors.kubernetes(NEW, "profile: cis") == (
        f"{{distribution: rke2, version: {NEW}, profile: cis, disable: [rke2-metrics-server], cni: cilium}}"
    )
    with pytest.raises(Unusable, match="images-canal"):
        of({release.FOLDER: str(tmp_path)}, ARCH)


def test_the_stand_in_is_the_default() -> None:
    found = of({}, ARCH)
    assert (found.old, found.new, found.vendor, found.enforces) == (engine.OLD, engine.NEW, False, True)
    assert "cni" not in found.kubernetes(found.new)
