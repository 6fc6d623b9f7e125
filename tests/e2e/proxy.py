"""An HTTP proxy before a cloud's API that can be cut, for an API that goes away meanwhile."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "upgrade"})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    cut = False


class _Handler(BaseHTTPRequestHandler):
    """Sends each request on, or ends the connection without an answer while the server is cut."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def _send_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.cut:
            self.close_connection = True
            return
        target = urlsplit(self.path)
        there = http.client.HTTPConnection(str(target.hostname), target.port or 80, timeout=120)
        try:
            headers = {key: value for key, value in self.headers.items() if key.lower() not in _HOP}
            where = target._replace(scheme="", netloc="").geturl()
            there.request(self.command, where, body or None, headers)
            answer = there.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            return
        finally:
            there.close()
        self.send_response(answer.status, answer.reason)
        for key, value in answer.getheaders():
            if key.lower() not in _HOP | {"content-length", "server", "date"}:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _send_on  # noqa: N815 (names of http.server)

    def log_message(self, *_: object) -> None:
        """Print nothing: requests carry tokens."""


class Proxy:
    """A proxy that runs; `url` is its address."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self.url = f"http://127.0.0.1:{server.server_port}"

    def cut(self) -> None:
        """From now on no request is answered."""
        self._server.cut = True

    def mend(self) -> None:
        """Answer again."""
        self._server.cut = False


@contextmanager
def proxy() -> Iterator[Proxy]:
    """Run a proxy on a free port of the loopback address."""
    server = _Server(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Proxy(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
