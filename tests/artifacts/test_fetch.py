"""One download, alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.artifacts import fetch
from kbootstrap.artifacts.fetch import Patience, Unavailable

from .conftest import ReleaseServer

QUICK, PATIENT = Patience(answer=0.3, stall=0.3), Patience(answer=60, stall=60)


async def test_redirects_are_followed(tmp_path: Path, server: ReleaseServer) -> None:
    def moved(handler: object) -> None:
        handler.send_response(302)  # type: ignore[attr-defined]
        handler.send_header("Location", f"{server.url}/real")  # type: ignore[attr-defined]
        handler.end_headers()  # type: ignore[attr-defined]

    server.special["/moved"] = moved
    server.files["/real"] = b"content"
    await fetch.download(f"{server.url}/moved", tmp_path / "x", PATIENT, lambda _done, _total: None)
    assert (tmp_path / "x").read_bytes() == b"content"


async def test_progress_reaches_the_total(tmp_path: Path, server: ReleaseServer) -> None:
    server.files["/x"] = b"x" * (3 * 1024 * 1024 + 1)
    heard: list[tuple[int, int | None]] = []
    await fetch.download(f"{server.url}/x", tmp_path / "x", PATIENT, lambda *seen: heard.append(seen))
    assert heard[-1] == (3 * 1024 * 1024 + 1, 3 * 1024 * 1024 + 1)
    assert len(heard) >= 4


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:9/x", "connection refused"),
        ("http://no-such-host.invalid/x", "not known here"),
        ("nonsense://x", "unknown url type"),
        ("file:///no/such/file", "no such file"),
    ],
)
async def test_what_is_not_there(url: str, why: str) -> None:
    with pytest.raises(Unavailable, match=f"(?i){why}"):
        await fetch.text(url, PATIENT)


async def test_server_that_never_answers(server: ReleaseServer) -> None:
    server.special["/x"] = server.hang
    with pytest.raises(Unavailable, match="no answer in time"):
        await fetch.text(f"{server.url}/x", QUICK)


def test_passwords_are_not_shown() -> None:
    assert fetch.shown("https://user:secret@host/a@b") == "https://host/a@b"
    assert fetch.shown("https://host/a@b") == "https://host/a@b"
