"""The SSH implementation of `Host`: commands and files over one SSH connection."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncssh

from kbootstrap.core.errors import HostUnreachable, PrerequisiteMissing
from kbootstrap.core.events import Emit, Event, Type
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts import failures, remote
from kbootstrap.hosts.frame import Framed, unframe
from kbootstrap.hosts.model import Output, Transferred
from kbootstrap.hosts.output import Bounded

_CHANNELS = 8
"""Concurrent commands on one connection; sshd's MaxSessions is 10, and terminating a command needs one."""
_REFUSED_PAUSE = 0.05
"""Seconds."""
_CHUNK = 256 * 1024
"""Bytes. Larger chunks are slower: asyncssh copies the rest of a chunk for every packet of 32 KiB."""
_STALL = 180.0
"""Seconds without progress before a transfer counts as stalled: the machine responds, but its disk does not
write. Slow disks pause for up to a minute, and sixteen transfers over 1 MB/s send a chunk every 4 s."""
_END_WAIT = 2.0
"""Seconds to terminate a command; if the connection hangs, `timeout` on the host terminates it later."""

Feed = Callable[["asyncssh.SSHWriter[bytes]"], Awaitable[None]]


class SshHost:
    """One connection to one machine; see `kbootstrap.hosts.model.Host`."""

    def __init__(
        self,
        connection: asyncssh.SSHClientConnection,
        *,
        name: str,
        sudo: bool,
        redactor: Redactor,
        emit: Emit,
        cluster: str | None,
        release: Callable[[], Awaitable[None]],
    ) -> None:
        self.name = name
        self._connection = connection
        self._sudo = sudo
        self._redactor = redactor
        self._emit = emit
        self._cluster = cluster
        self._release: Callable[[], Awaitable[None]] | None = release
        self._channels = asyncio.Semaphore(_CHANNELS)

    async def run(
        self, command: str, *, deadline: float, stdin: bytes | None = None, check: bool = True
    ) -> Output:
        """Run a shell command line; see `Host.run`. At most 4 MiB of each end of the output are kept."""
        shown = failures.show_command(command, self._redactor)

        async def feed(writer: asyncssh.SSHWriter[bytes]) -> None:
            if stdin:
                writer.write(stdin)
                await writer.drain()

        began = time.monotonic()
        output = await self._execute(command, feed, deadline=deadline, what=f"`{shown}`")
        self._log(f"`{shown}` ended with {output.status} after {time.monotonic() - began:.1f} s")
        if check and output.status != 0:
            raise failures.command_failed(self.name, command, output, self._redactor)
        return output

    async def put(
        self,
        content: bytes | Path,
        destination: str,
        *,
        mode: int,
        deadline: float,
        progress: Transferred | None = None,
    ) -> None:
        """Write a file; see `Host.put`. One command on the host; the file is read once."""
        size = len(content) if isinstance(content, bytes) else _size(content)

        async def feed(writer: asyncssh.SSHWriter[bytes]) -> None:
            digest = hashlib.sha256()
            done = 0
            for piece in _pieces(content, size):
                digest.update(piece)
                writer.write(piece)
                try:
                    async with asyncio.timeout(_STALL):
                        await writer.drain()
                except TimeoutError as error:
                    raise failures.stalled(self.name, destination, done, size, _STALL) from error
                done += len(piece)
                if progress:
                    progress(done, size)
            if (
                done == size
            ):  # else the file changed during the transfer; without a checksum the host discards it
                writer.write(digest.hexdigest().encode())

        began = time.monotonic()
        script, what = remote.receive(destination, size=size, mode=mode), f"the transfer of {destination}"
        output = await self._execute(script, feed, deadline=deadline, what=what)
        if output.status != 0:
            raise failures.put_failed(self.name, destination, size, output, self._redactor)
        took = time.monotonic() - began
        self._log(f"placed {destination}: {failures.show_bytes(size)} in {took:.1f} s")

    async def login(self, *, limit: float) -> Output | None:
        """Check within `limit` seconds that commands run as root; None: they do, else the received output."""
        framed = await self._perform("true", _nothing, deadline=limit, what="the first command")
        return None if framed.ended else framed.output

    async def close(self) -> None:
        """Close the connection, and the bastion's connection if this was its last user."""
        release, self._release = self._release, None
        self._connection.close()
        with contextlib.suppress(TimeoutError, OSError, asyncssh.Error):
            async with asyncio.timeout(_END_WAIT):
                await self._connection.wait_closed()
        self._connection.abort()
        if release:
            await release()

    async def _execute(self, command: str, feed: Feed, *, deadline: float, what: str) -> Output:
        """Return the command's output; `HostUnreachable` if it did not run or its output is incomplete."""
        framed = await self._perform(command, feed, deadline=deadline, what=what)
        output = framed.output
        if not framed.started:
            raise failures.not_started(self.name, what, output, self._redactor)
        if not framed.ended and output.status == 0:
            raise self._lost(what, None)
        return output

    async def _perform(self, command: str, feed: Feed, *, deadline: float, what: str) -> Framed:
        mark = secrets.token_hex(8)
        line = remote.wrap(mark=mark, deadline=deadline, sudo=self._sudo)
        stdout, stderr = Bounded(), Bounded()
        process: asyncssh.SSHClientProcess[bytes] | None = None
        try:
            async with asyncio.timeout(deadline), self._channels:
                process = await self._open(line)
                await asyncio.gather(
                    _write(process.stdin, remote.feed(command), feed),
                    _read(process.stdout, stdout),
                    _read(process.stderr, stderr),
                )
                await process.wait_closed()
        except TimeoutError as error:
            await self._end(process, mark)
            said = unframe(stdout, stderr, mark=mark, status=0).output.tail
            raise failures.deadline_passed(self.name, what, deadline, self._redactor.clean(said)) from error
        except (OSError, asyncssh.Error) as error:
            raise self._lost(what, error) from error
        except BaseException:
            await asyncio.shield(self._end(process, mark))
            raise
        finally:
            if process is not None:
                process.close()
        status = process.returncode
        if status is None:
            raise self._lost(what, None)
        # A negative number is a signal; shells report it as 128 plus the signal's number.
        return unframe(stdout, stderr, mark=mark, status=status if status >= 0 else 128 - status)

    async def _open(self, line: str) -> asyncssh.SSHClientProcess[bytes]:
        """Start a command; retry while sshd refuses another session, because it still counts closed ones.

        A refused session has run nothing. On hosts with a small MaxSessions, commands run one after another.
        """
        while True:
            try:
                return await self._connection.create_process(line, encoding=None)
            except asyncssh.ChannelOpenError:
                if self._connection.is_closed():
                    raise
                await asyncio.sleep(_REFUSED_PAUSE)

    def _lost(self, what: str, error: Exception | None) -> HostUnreachable:
        cause = str(error) if error and str(error) else "it was closed by the machine"
        return failures.connection_lost(self.name, what, self._redactor.clean(cause))

    async def _end(self, process: asyncssh.SSHClientProcess[bytes] | None, mark: str) -> None:
        """Terminate a command that is still running, without waiting long."""
        if process is None or self._connection.is_closed():
            return
        with contextlib.suppress(TimeoutError, OSError, asyncssh.Error):
            async with asyncio.timeout(_END_WAIT):
                await self._connection.run(remote.end(mark, sudo=self._sudo), encoding=None)

    def _log(self, detail: str) -> None:
        self._emit(Event(type=Type.LOG, cluster=self._cluster, node=self.name, detail=detail))


async def _nothing(_writer: asyncssh.SSHWriter[bytes]) -> None:
    """Feed nothing."""


async def _write(writer: asyncssh.SSHWriter[bytes], script: bytes, feed: Feed) -> None:
    # A command may exit without reading all input; its status is more informative than the broken pipe.
    with contextlib.suppress(BrokenPipeError):
        writer.write(script)
        await feed(writer)
        writer.write_eof()


async def _read(reader: asyncssh.SSHReader[bytes], into: Bounded) -> None:
    while data := await reader.read(_CHUNK):
        into.add(data)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from error


def _pieces(content: bytes | Path, size: int) -> Iterator[bytes]:
    """Yield the content in chunks. Files are read in the event loop, because threads would be slower."""
    if isinstance(content, bytes):
        for start in range(0, size, _CHUNK):
            yield content[start : start + _CHUNK]
        return
    try:
        with content.open("rb", buffering=0) as stream:
            # One extra byte shows that the file has grown; a growing file must not be read forever.
            while piece := stream.read(min(_CHUNK, size + 1 - stream.tell())):
                yield piece
    except OSError as error:
        raise _unreadable(content, error) from error


def _unreadable(path: Path, error: OSError) -> PrerequisiteMissing:
    return PrerequisiteMissing(f"cannot read {path}: {error.strerror}")
