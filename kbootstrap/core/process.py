"""Runs processes on the operator's machine. All processes are started here.

Every process runs in its own session, so Ctrl-C in the terminal reaches only kbootstrap. kbootstrap then
sends SIGINT once (as OpenTofu expects), waits, and finally kills the whole process group.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kbootstrap.core.errors import DeadlinePassed, KbootstrapError, PrerequisiteMissing

OnLine = Callable[[str], None]
_LINE_LIMIT = 16 * 1024 * 1024
"""Bytes. A plan of a large cluster is one line of JSON of several megabytes."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished process: `status` is its exit status, or the negative number of a signal."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    @property
    def tail(self) -> str:
        """The last lines of its output, preferably of stderr: evidence for an error message."""
        said = self.stderr.strip() or self.stdout.strip()
        return "\n".join(said.splitlines()[-20:])


class Runner(Protocol):
    """Interface for running processes; tests pass their own implementation."""

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
        """Run `argv` until it exits; `deadline` and `grace` are seconds.

        `env` replaces the environment (None: inherited). `on_line` receives every line of stdout as it is
        printed, `on_error_line` every line of stderr, without the newline. On cancellation or after the
        deadline the process receives SIGINT; after `grace` seconds its whole group receives SIGKILL.

        A name without a slash is looked up on PATH; files that cannot be started (another processor, no
        interpreter) are skipped. Raises `PrerequisiteMissing` when no program can be started,
        `DeadlinePassed`, and with `check` `KbootstrapError` when the status is not 0.
        """

    def which(self, program: str) -> Path | None:
        """Find a program on PATH."""

    def places(self, program: str) -> tuple[Path, ...]:
        """Find all programs of this name on PATH, in the order of PATH."""


class LocalRunner:
    """Runs processes on this machine."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self._env = dict(os.environ if env is None else env)

    def which(self, program: str) -> Path | None:
        """Find a program on the PATH of the processes' environment."""
        found = shutil.which(program, path=self._env.get("PATH"))
        return Path(found) if found else None

    def places(self, program: str) -> tuple[Path, ...]:
        """Find all programs of this name on the PATH of the processes' environment, without duplicates."""
        return _places(program, self._env)

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
        """Run `argv` until it exits; see `Runner.run`."""
        process = await _start(argv, cwd, dict(self._env if env is None else env), piped=stdin is not None)
        try:
            async with asyncio.timeout(deadline):
                _, stdout, stderr, status = await asyncio.gather(
                    _feed(process, stdin),
                    _read(process.stdout, on_line),
                    _read(process.stderr, on_error_line),
                    process.wait(),
                )
        except TimeoutError as error:
            await _stop(process, grace)
            raise DeadlinePassed(f"{_name(argv)} did not end within {deadline:.0f} s") from error
        except BaseException:
            await asyncio.shield(_stop(process, grace))
            raise
        finished = Finished(tuple(argv), status, stdout, stderr)
        if check and status != 0:
            raise KbootstrapError(f"{_name(argv)} failed with exit status {status}", detail=finished.tail)
        return finished


async def _start(
    argv: Sequence[str], cwd: Path | None, env: Mapping[str, str], *, piped: bool
) -> asyncio.subprocess.Process:
    """Start the first program of that name that can be started; `PrerequisiteMissing` if there is none."""
    found = () if "/" in argv[0] else _places(argv[0], env)
    failures: list[PrerequisiteMissing] = []
    for program in map(str, found or (argv[0],)):
        try:
            return await asyncio.create_subprocess_exec(
                *argv,
                executable=program,
                cwd=cwd,
                env=env,
                stdin=asyncio.subprocess.PIPE if piped else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                limit=_LINE_LIMIT,
            )
        except OSError as error:
            failures.append(PrerequisiteMissing(_why(program, cwd, error)))
            failures[-1].__cause__ = error
    raise failures[0]


def _places(program: str, env: Mapping[str, str]) -> tuple[Path, ...]:
    folders = env.get("PATH", os.defpath).split(os.pathsep)
    places: dict[str, Path] = {}
    for folder in filter(None, folders):
        if found := shutil.which(program, path=folder):
            places.setdefault(os.path.realpath(found), Path(found))  # /bin may be a link to /usr/bin
    return tuple(places.values())


def _why(program: str, cwd: Path | None, error: OSError) -> str:
    """Return a sentence that explains why a program could not be started."""
    if cwd is not None and not cwd.is_dir():
        return f"the folder {cwd}, in which {Path(program).name} would run, is not there"
    if isinstance(error, PermissionError):
        return f"the program {program} may not be run: {error.strerror}"
    if isinstance(error, FileNotFoundError):
        if "/" in program and Path(program).is_file():
            return f"the program {program} cannot be run: its interpreter is not on this machine"
        return f"the program {program} is not on this machine"
    if error.errno == errno.ENOEXEC:
        return f"the program {program} cannot be run: it is for another processor, or no program"
    return f"the program {program} cannot be run: {error.strerror}"


def _name(argv: Sequence[str]) -> str:
    """Return the name of a command for messages: the program and its subcommand, never all arguments."""
    return " ".join([Path(argv[0]).name, *[a for a in argv[1:3] if not a.startswith("-")][:1]])


async def _feed(process: asyncio.subprocess.Process, stdin: bytes | None) -> None:
    if process.stdin is None or stdin is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(stdin)
        await process.stdin.drain()
        process.stdin.close()


async def _read(stream: asyncio.StreamReader | None, on_line: OnLine | None) -> str:
    if stream is None:
        return ""
    lines: list[str] = []
    while raw := await stream.readline():
        line = raw.decode("utf-8", "replace")
        lines.append(line)
        if on_line:
            on_line(line.rstrip("\r\n"))
    return "".join(lines)


async def _stop(process: asyncio.subprocess.Process, grace: float) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
