"""What vendors publish, and their lists of checksums."""

from __future__ import annotations

from kbootstrap.artifacts import releases
from kbootstrap.artifacts.releases import parse_sums

ONE, TWO = "a" * 64, "B" * 64


def test_addresses() -> None:
    release = releases.of("k3s", "v1.32.0+k3s1", "amd64")
    assert release.vendor("https://github.com") == (
        "https://github.com/k3s-io/k3s/releases/download/v1.32.0%2Bk3s1"
    )
    assert release.mirror("https://mirror.example.org/k3s/") == (
        "https://mirror.example.org/k3s/v1.32.0%2Bk3s1"
    )
    assert releases.of("rke2", "v1.31.4+rke2r1", "arm64").files == (
        "rke2.linux-arm64.tar.gz",
        "rke2-images-core.linux-arm64.tar.zst",
        "rke2-images-canal.linux-arm64.tar.zst",
    )
    tofu = releases.tofu("1.12.6", "amd64")
    assert (tofu.tag, tofu.files, tofu.checksums) == (
        "v1.12.6",
        ("tofu_1.12.6_linux_amd64.zip",),
        "tofu_1.12.6_SHA256SUMS",
    )


def test_lists_of_checksums_in_both_forms() -> None:
    text = f"{ONE}  k3s\n{TWO} *dist/k3s-airgap-images-amd64.tar.zst\n\nnot a sum\nabc  short\n"
    assert parse_sums(text) == {"k3s": ONE, "k3s-airgap-images-amd64.tar.zst": TWO.lower()}
