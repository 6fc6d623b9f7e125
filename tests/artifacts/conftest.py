"""A release server on loopback, a runner that builds nothing, and an ear for events."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.events import Event
from kbootstrap.core.process import Finished, OnLine

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class ReleaseServer:
    """Serves `files` by path; `special` answers override them; `asked` lists the requests."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.special: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.end = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                if self.path in outer.special:
                    outer.special[self.path](self)
                elif self.path in outer.files:
                    content = outer.files[self.path]
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                else:
                    self.send_error(404)

            def log_message(self, *_: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def publish(self, folder: str, checksums: str, files: Mapping[str, bytes]) -> None:
        """Put a release below `folder`, with its list of checksums."""
        lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()]
        self.files |= {f"{folder}/{name}": content for name, content in files.items()}
        self.files[f"{folder}/{checksums}"] = "".join(lines).encode()

    def hang(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Accept the request and never answer."""
        del handler
        self.end.wait(30)

    def stall(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Begin an answer and stand still."""
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"x" * 100)
        handler.wfile.flush()
        self.end.wait(30)

    @staticmethod
    def truncate(handler: http.server.BaseHTTPRequestHandler) -> None:
        """Promise more than comes."""
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"x" * 100)

    def close(self) -> None:
        self.end.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[ReleaseServer]:
    found = ReleaseServer()
    yield found
    found.close()


class FakeRunner:
    """Answers commands from a function; programs that it does not know are not on this machine."""

    def __init__(self, answer: Callable[[Sequence[str], Path | None], str | Finished] | None = None) -> None:
        self.answer = answer
        self.programs: dict[str, Path] = {}
        self.ran: list[tuple[str, ...]] = []
        self.envs: list[Mapping[str, str]] = []

    def which(self, program: str) -> Path | None:
        return self.programs.get(program)

    def places(self, program: str) -> tuple[Path, ...]:
        return (self.programs[program],) if program in self.programs else ()

    async def run(
        self,
        argv: Sequence[str],
        *,
        deadline: float,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        on_line: OnLine | None = None,
        on_error_line: OnLine | None = None,
        grace: float = 5.0,
        check: bool = True,
    ) -> Finished:
        del deadline, stdin, on_line, on_error_line, grace, check
        self.ran.append(tuple(argv))
        self.envs.append(env or {})
        if self.answer is None:
            raise PrerequisiteMissing(f"the program {argv[0]} is not on this machine")
        said = self.answer(argv, cwd)
        return said if isinstance(said, Finished) else Finished(tuple(argv), 0, said, "")


@pytest.fixture
def runner() -> FakeRunner:
    """A machine without any program."""
    return FakeRunner()


class Ear:
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def text(self) -> str:
        return "\n".join(f"{e.step} {e.status} {e.detail}" for e in self.events)


@pytest.fixture
def ear() -> Ear:
    return Ear()


def left_behind(cache: Path) -> list[Path]:
    """Every file in a cache that is neither a lock nor part of a complete folder."""
    return [
        path
        for path in cache.rglob("*")
        if path.is_file() and path.suffix != ".lock" and not (path.parent / "manifest.json").exists()
    ]
