"""The errors of this package in one place, so that real and fake hosts report the same texts."""

from __future__ import annotations

from kbootstrap.core.errors import DeadlinePassed, HostUnreachable, InstallFailed
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts.model import Output
from kbootstrap.hosts.remote import FREE, PutStatus

_SHOWN = 80
"""Characters of a command in a message."""
_FULL = ("No space left on device", "Disk quota exceeded", "File too large", "File size limit exceeded")


def show_command(command: str, redactor: Redactor) -> str:
    """Return the name of a command for messages: its first line, shortened, without secrets."""
    lines = [line.strip() for line in redactor.clean(command).strip().splitlines() if line.strip()]
    first = lines[0] if lines else ""
    if len(first) > _SHOWN:
        return first[: _SHOWN - 1] + "…"
    return first + " …" if len(lines) > 1 else first


def command_failed(host: str, command: str, output: Output, redactor: Redactor) -> InstallFailed:
    """Return the error for a command whose status is not 0."""
    return InstallFailed(
        f"on {host}, `{show_command(command, redactor)}` failed with exit status {output.status}",
        detail=redactor.clean(output.tail) or None,
        hint=f"look on the machine: kbootstrap ssh {host}",
        code="KB0708",
        host=host,
    )


def not_started(host: str, what: str, output: Output, redactor: Redactor) -> HostUnreachable:
    """Return the error for a command that the host did not run; `output` is what the host sent instead."""
    return HostUnreachable(
        f"{host} did not run {what}: its login shell or sudo ended with status {output.status} before it",
        detail=redactor.clean(output.tail) or None,
        hint=f"does `ssh` run a command there? Try: kbootstrap ssh {host} -- echo works",
        code="KB0711",
        host=host,
    )


def deadline_passed(host: str, what: str, deadline: float, said: str = "") -> DeadlinePassed:
    """Return the error for an exceeded deadline; `said` is the output so far, redacted."""
    return DeadlinePassed(
        f"on {host}, {what} did not end within {deadline:g} s",
        detail=said or None,
        hint=f"see what the machine is doing: kbootstrap ssh {host}",
        code="KB0710",
        host=host,
    )


def stalled(host: str, destination: str, done: int, size: int, seconds: float) -> DeadlinePassed:
    """Return the error for a stalled file transfer; `done` and `size` are bytes."""
    return DeadlinePassed(
        f"on {host}, the transfer of {destination} has stalled for {seconds:g} s, at {show_bytes(done)} of "
        f"{show_bytes(size)}",
        hint="the machine answers and takes nothing more: its disk may hang (dmesg, iostat), or something on "
        f"the way does: kbootstrap ssh {host}",
        code="KB0710",
        host=host,
    )


def connection_lost(host: str, during: str, cause: str) -> HostUnreachable:
    """Return the error for a connection that was lost during use."""
    return HostUnreachable(
        f"the SSH connection to {host} broke during {during}: {cause}",
        hint="check that the machine runs, then run the same command again: it resumes where it stopped",
        code="KB0701",
        host=host,
    )


def put_failed(host: str, destination: str, size: int, output: Output, redactor: Redactor) -> InstallFailed:
    """Return the error for a file that could not be written, from the output of the receiving script."""
    said = [line for line in output.stderr.splitlines() if line.strip()]
    free = next((int(line.split()[1]) * 1024 for line in said if line.startswith(FREE)), None)
    detail = redactor.clean("\n".join(line for line in said if not line.startswith(FREE))) or None
    if output.status == PutStatus.NO_SPACE or any(text in output.stderr for text in _FULL):
        return no_space(host, destination, size, free, detail)
    if output.status == PutStatus.DAMAGED:
        reason = "arrived damaged: its checksum on the machine differs"
    else:
        reason = f"could not be written (exit status {output.status})"
    return InstallFailed(
        f"on {host}, {destination} {reason}",
        detail=detail,
        hint=f"look on the machine: kbootstrap ssh {host}",
        code="KB0708",
        host=host,
    )


def no_space(
    host: str, destination: str, needed: int, free: int | None, detail: str | None = None
) -> InstallFailed:
    """Return the error for a full disk; `needed` and `free` are bytes."""
    left = f", {show_bytes(free)} are free" if free is not None else ""
    return InstallFailed(
        f"no space left on {host} for {destination}: {show_bytes(needed)} are needed{left}",
        detail=detail,
        hint=f"free some space or enlarge the disk, then run again (kbootstrap ssh {host} -- df -h)",
        code="KB0709",
        host=host,
    )


def show_bytes(count: int) -> str:
    """Return a number of bytes in a readable unit: `140.2 MiB`."""
    if count < 1024:
        return f"{count} bytes"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024 or unit == "GiB":
            break
    return f"{value:.1f} {unit}"
