"""Servers that keep states, for the tests: PostgreSQL as released, and one of the `http` backend's protocol.

Protocol: "http" backend in OpenTofu's documentation. LOCK and UNLOCK carry the lock's JSON; 423 with
the holder's JSON says that it is taken.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.e2e.lab import SHORT, need

PASSWORD = "state-secret"
USER = "state"


class StateServer(ThreadingHTTPServer):
    """Keeps states by path, in memory. `locks`: the lock by path; `url` is where it listens."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.states: dict[str, bytes] = {}
        self.locks: dict[str, bytes] = {}
        self.locked: list[str] = []
        """Paths that were locked, in order."""


class _Handler(BaseHTTPRequestHandler):
    server: StateServer
    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        path = self.path.partition("?")[0]
        if self.headers.get("Authorization") != f"Basic {wanted}":
            self._answer(401)
        elif self.command == "LOCK":
            if path in self.server.locks:
                self._answer(423, self.server.locks[path])
                return
            self.server.locks[path] = body
            self.server.locked.append(path)
            self._answer(200)
        elif self.command == "UNLOCK":
            self.server.locks.pop(path, None)
            self._answer(200)
        elif self.command == "POST":
            json.loads(body)
            self.server.states[path] = body
            self._answer(200)
        elif path in self.server.states:
            self._answer(200, self.server.states[path])
        else:
            self._answer(404)

    do_GET = do_POST = do_LOCK = do_UNLOCK = _handle  # noqa: N815 (names of http.server)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def http_server() -> Iterator[StateServer]:
    """Run a server of the `http` backend on a free port."""
    server = StateServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def postgres() -> Iterator[str]:
    """Run PostgreSQL on a free port; return its address without a password.

    It refuses to run as root; the package brings a user, which must reach its folder.
    """
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    need(programs, "PostgreSQL is not installed")
    own = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="kbootstrap-postgres-") as place, socket.socket() as free:
        folder = Path(place)
        if own:
            subprocess.run(["chown", "postgres", place], check=True)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        settings = (
            f"-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={place} -c fsync=off"
        )

        def run(program: str, *arguments: str) -> None:
            words = [*own, str(programs[-1] / program), "-D", str(folder / "data"), *arguments]
            subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=SHORT)

        run("initdb", "-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}")
        run("pg_ctl", "-l", str(folder / "log"), "-w", "-o", settings, "start")
        try:
            yield f"postgres://{USER}@127.0.0.1:{port}/postgres?sslmode=disable"
        finally:
            run("pg_ctl", "-m", "immediate", "stop")
