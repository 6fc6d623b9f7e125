"""The program that downloads RKE2's releases, against a server on loopback with the vendor's layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.artifacts.fetch import Patience
from tests.acceptance.download import main
from tests.artifacts.conftest import ReleaseServer, server
from tests.e2e.rke2.release import missing

__all__ = ["server"]
VERSION = "v1.32.11+rke2r1"
BASE = "/rancher/rke2/releases/download/v1.32.11%2Brke2r1"
FILES = {
    "rke2.linux-amd64.tar.gz": b"the program",
    "rke2-images-core.linux-amd64.tar.zst": b"the core",
    "rke2-images-canal.linux-amd64.tar.zst": b"canal",
    "rke2-images-cilium.linux-amd64.tar.zst": b"cilium",
}
SUMS = "sha256sum-amd64.txt"


@pytest.fixture(autouse=True)
def vendor(server: ReleaseServer, monkeypatch: pytest.MonkeyPatch) -> ReleaseServer:
    monkeypatch.setenv("KBOOTSTRAP_RELEASES_URL", server.url)
    server.publish(BASE, SUMS, FILES)
    return server


def run(folder: Path, *more: str) -> int:
    return main([str(folder), VERSION, "--arch", "amd64", *more], Patience(answer=5, stall=5))


def test_what_the_tests_need_is_there(tmp_path: Path) -> None:
    assert run(tmp_path) == 0
    assert missing(tmp_path, [VERSION], "", "amd64") == []
    assert {path.name for path in (tmp_path / VERSION).iterdir()} == {*FILES, SUMS} - {
        "rke2-images-cilium.linux-amd64.tar.zst"
    }
    assert missing(tmp_path, [VERSION], "cilium", "amd64") == [
        f"{tmp_path / VERSION}/rke2-images-cilium.linux-amd64.tar.zst is missing"
    ]


def test_a_second_run_downloads_what_is_missing_or_damaged(vendor: ReleaseServer, tmp_path: Path) -> None:
    assert run(tmp_path) == 0
    (tmp_path / VERSION / "rke2.linux-amd64.tar.gz").write_bytes(b"damaged")
    del vendor.asked[:]
    assert run(tmp_path, "--cni", "cilium") == 0
    assert vendor.asked == [
        f"{BASE}/{SUMS}",
        f"{BASE}/rke2.linux-amd64.tar.gz",
        f"{BASE}/rke2-images-cilium.linux-amd64.tar.zst",
    ]
    assert (tmp_path / VERSION / "rke2.linux-amd64.tar.gz").read_bytes() == b"the program"


def test_a_file_without_its_checksum_is_not_kept(
    vendor: ReleaseServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vendor.files[f"{BASE}/rke2-images-core.linux-amd64.tar.zst"] = b"another one"
    assert run(tmp_path) == 1
    assert (
        "rke2-images-core.linux-amd64.tar.zst does not have its published checksum" in capsys.readouterr().err
    )
    assert [path.name for path in (tmp_path / VERSION).iterdir()] == ["rke2.linux-amd64.tar.gz"]


@pytest.mark.parametrize(
    ("arrange", "said"),
    [
        (lambda server: server.files.clear(), "the server does not have it"),
        (
            lambda server: server.publish(BASE, SUMS, {"rke2.linux-amd64.tar.gz": b"the program"}),
            f"{SUMS} does not list rke2-images-core.linux-amd64.tar.zst",
        ),
        (
            lambda server: server.special.update({f"{BASE}/rke2.linux-amd64.tar.gz": server.truncate}),
            "broke off",
        ),
    ],
)
def test_what_cannot_be_downloaded_is_said(
    vendor: ReleaseServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], arrange: object, said: str
) -> None:
    assert callable(arrange)
    arrange(vendor)
    assert run(tmp_path) == 1
    assert said in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.part"))
