"""The HTTP port: metrics for Prometheus, and the probes of Kubernetes. No TLS, no secrets, GET only."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from kbootstrap.core.errors import PrerequisiteMissing

_LIMIT = 10.0
_TEXT = "text/plain; version=0.0.4; charset=utf-8"

Page = Callable[[], tuple[int, bytes]]
"""Returns status and body."""


class HttpServer:
    """Serves some pages by path; connections are closed after one answer."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._pages = pages
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port. Raises `PrerequisiteMissing`."""
        try:
            self._server = await asyncio.start_server(self._serve, host, port)
        except OSError as error:
            raise PrerequisiteMissing(
                f"cannot listen on {host}:{port}: {error.strerror}",
                hint="`metrics` of the configuration names another address",
                code="KB1404",
            ) from error
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            async with asyncio.timeout(_LIMIT):
                head = await reader.readuntil(b"\r\n\r\n")
                words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
                path = words[1].partition("?")[0] if len(words) == 3 else ""
                page = self._pages.get(path) if words[0] == "GET" else None
                status, body = page() if page else (404, b"not found\n")
                lines = f"HTTP/1.1 {status} {'OK' if status == 200 else 'Error'}\r\nContent-Type: {_TEXT}\r\n"
                writer.write(
                    f"{lines}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
                )
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()
            await writer.wait_closed()
