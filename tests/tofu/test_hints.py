from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import kbootstrap
from kbootstrap.tofu.hints import FIRST, LAST, by_code, lookup


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Error acquiring the state lock\nresource temporarily unavailable", "KB0505"),
        (
            "Error acquiring the state lock\nUnsupported state file format: it could not be parsed",
            "KB0507",
        ),
        (
            "Failed to query available provider packages\nCould not retrieve the list of available versions",
            "KB0506",
        ),
        ("Failed to install provider\nfailed to query provider registry: 401 Unauthorized", "KB0506"),
        ("Module not installed", "KB0506"),
        ("Saved plan is stale", "KB0514"),
        ("write /x: no space left on device", "KB0518"),
        ("The request you have made requires authentication", "KB0509"),
        ("error configuring S3 Backend: no valid credential sources for S3 Backend found", "KB0509"),
        ("operation error S3: ListObjectsV2, InvalidAccessKeyId: The key does not exist", "KB0509"),
        ("Error refreshing state: HTTP remote state endpoint requires auth", "KB0509"),
        ("local-exec provisioner error\nexit status 3", "KB0508"),
        ("something new", "KB0501"),
    ],
)
def test_known_failures(text: str, code: str) -> None:
    assert lookup(text).code == code


def test_every_code_is_explained() -> None:
    codes = tomllib.loads(
        (Path(kbootstrap.__file__).parent / "core" / "codes" / "tofu.toml").read_text(encoding="utf-8")
    )
    assert {hint.code for hint in (*FIRST, *LAST)} <= set(codes)
    for code, entry in codes.items():
        assert code.startswith("KB05")
        assert 3 <= len(entry["text"].strip().splitlines()) <= 10, code
        assert not entry["title"].endswith(".")


def test_by_code() -> None:
    assert by_code("KB0505") is next(hint for hint in FIRST if hint.code == "KB0505")
    assert by_code("KB9999").code == "KB0501"
