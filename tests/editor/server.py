"""A client of YAML's language server: just enough of the protocol to open a file and ask about places in it.

Protocol: Language Server Protocol 3.17, "Base Protocol". The server is the one that
`tests/editor/package.json` names, installed by `.ci/setup-tests`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kbootstrap.artifacts import cache

Json = Any


def installed() -> Path | None:
    """Return the server's program, None where it is not installed."""
    lock = Path(__file__).with_name("package-lock.json").read_bytes()
    folder = cache.root(os.environ) / "editor" / hashlib.sha256(lock).hexdigest()[:16]
    program = folder / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    return program if program.is_file() and shutil.which("node") else None


class Server:
    """A server that runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._number = 0

    def ask(self, method: str, params: Json) -> Json:
        """Send a request and return its result."""
        self._number += 1
        number = self._number
        self._send({"id": number, "method": method, "params": params})
        return self._until(lambda m: m.get("id") == number and "method" not in m)["result"]

    def tell(self, method: str, params: Json) -> None:
        """Send a notification."""
        self._send({"method": method, "params": params})

    def problems(self, path: Path) -> list[Json]:
        """Open a file and return what the server finds in it."""
        uri = path.as_uri()
        text = {"uri": uri, "languageId": "yaml", "version": 1, "text": path.read_text("utf-8")}
        self.tell("textDocument/didOpen", {"textDocument": text})

        def about_it(message: Json) -> bool:
            published = message.get("method") == "textDocument/publishDiagnostics"
            return bool(published and message["params"]["uri"] == uri)

        found: list[Json] = self._until(about_it)["params"]["diagnostics"]
        return found

    def at(self, method: str, path: Path, line: int, column: int) -> Json:
        """Ask about a place, both counted from 0."""
        place = {"line": line, "character": column}
        return self.ask(f"textDocument/{method}", {"textDocument": {"uri": path.as_uri()}, "position": place})

    def _send(self, message: Json) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _until(self, wanted: Callable[[Json], bool]) -> Json:
        while not wanted(message := self._read()):
            if "id" in message and "method" in message:  # the server asks for settings and the like
                self._send({"id": message["id"], "result": [{}] if "items" in message["params"] else None})
        return message

    def _read(self) -> Json:
        out = self._process.stdout
        assert out
        length = 0
        while line := out.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the language server ended"
        return json.loads(out.read(length))


@contextmanager
def language_server(program: Path, folder: Path) -> Iterator[Server]:
    """Run the server for a folder; no schema is looked for in any catalogue."""
    process = subprocess.Popen(
        ["node", str(program), "--stdio"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        server = Server(process)
        server.ask(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": folder.as_uri(),
                "capabilities": {},
                "workspaceFolders": None,
            },
        )
        server.tell("initialized", {})
        settings = {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}
        server.tell("workspace/didChangeConfiguration", {"settings": {"yaml": settings}})
        yield server
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
