"""One download over HTTP(S), or a copy of a `file:` URL: with timeouts, progress, a hash, no partial files.

Proxies come from the environment (`https_proxy`, `no_proxy`), as usual in Python. The blocking HTTP client
runs in a separate thread. When the download is cancelled, the thread stops at its next read.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kbootstrap import __version__
from kbootstrap.artifacts.cache import usable
from kbootstrap.core.errors import KbootstrapError

_CHUNK = 1024 * 1024
_LARGEST_TEXT = 1024 * 1024
"""Bytes; a list of checksums has a few kilobytes."""
_T = TypeVar("_T")


class Unavailable(Exception):
    """A source does not have the file or does not respond; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Timeouts in seconds: for the connection and the response, and between two chunks of a file."""

    answer: float = 6.0
    stall: float = 30.0


async def text(url: str, patience: Patience) -> str:
    """Read a small text file. Raises `Unavailable`."""
    stop = threading.Event()

    def work() -> str:
        with _opened(url, patience) as response:
            try:
                return str(response.read(_LARGEST_TEXT).decode("utf-8", "replace"))
            except (OSError, http.client.HTTPException) as error:
                raise Unavailable(f"{shown(url)}: {_why(error)}") from error

    return await _in_thread(work, stop, limit=3 * patience.answer + patience.stall)


async def download(
    url: str, target: Path, patience: Patience, progress: Callable[[int, int | None], None]
) -> str:
    """Write the file at `url` to `target` and return its SHA-256. `progress` receives bytes done and total.

    Raises `Unavailable` before any data has been received, and `KbootstrapError` (KB0902) when the transfer
    is interrupted later. The caller removes the partial file at `target`.
    """
    loop = asyncio.get_running_loop()
    stop = threading.Event()

    def work() -> str:
        digest, done = hashlib.sha256(), 0
        with _opened(url, patience) as response, usable(target.parent), target.open("wb") as file:
            length = response.headers.get("Content-Length") or ""
            total = int(length) if length.isdigit() else None
            while chunk := _read(response, url, done, total):
                if stop.is_set():
                    return ""
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                loop.call_soon_threadsafe(progress, done, total)
        if total is not None and done != total:
            raise _broken(url, done, total, "the connection ended early")
        return digest.hexdigest()

    return await _in_thread(work, stop)


def shown(url: str) -> str:
    """Return a URL for messages, without a password that it may contain."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"


def _read(response: http.client.HTTPResponse, url: str, done: int, total: int | None) -> bytes:
    try:
        return bytes(response.read(_CHUNK))
    except (OSError, http.client.HTTPException) as error:
        raise _broken(url, done, total, _why(error)) from error


def _broken(url: str, done: int, total: int | None, why: str) -> KbootstrapError:
    whole = f" of {total / 1e6:.1f}" if total else ""
    return KbootstrapError(
        f"the download of {shown(url)} broke off after {done / 1e6:.1f}{whole} MB: {why}",
        hint="nothing was kept; run the command again",
        code="KB0902",
    )


def _opened(url: str, patience: Patience) -> http.client.HTTPResponse:
    """Open a URL and return once the response headers are received. Raises `Unavailable`."""
    request = urllib.request.Request(url, headers={"User-Agent": f"kbootstrap/{__version__}"})  # noqa: S310
    try:
        response: http.client.HTTPResponse = urllib.request.build_opener().open(
            request, timeout=patience.answer
        )
    except urllib.error.HTTPError as error:
        error.close()
        what = "does not have it" if error.code in {404, 410} else f"answers {error.code} {error.reason}"
        raise Unavailable(f"{shown(url)}: the server {what}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unavailable(f"{shown(url)}: {_why(error)}") from error
    with contextlib.suppress(AttributeError):  # a `file:` URL has no socket
        response.fp.raw._sock.settimeout(patience.stall)  # type: ignore[attr-defined]  # noqa: SLF001
    return response


def _why(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    if isinstance(reason, socket.gaierror):
        return "the host name is not known here"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror.lower()
    return str(reason) or type(error).__name__


async def _in_thread(work: Callable[[], _T], stop: threading.Event, limit: float | None = None) -> _T:
    """Run `work` in a daemon thread; a cancelled caller does not wait for it."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()

    def settle(result: _T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def target() -> None:
        result: _T | None = None
        failure: BaseException | None = None
        try:
            result = work()
        except BaseException as error:  # passed on to the waiting task
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed, no task is waiting
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=target, daemon=True, name="kbootstrap-download").start()
    try:
        async with asyncio.timeout(limit):
            return await future
    except TimeoutError as error:
        raise Unavailable("no answer in time") from error
    finally:
        stop.set()
