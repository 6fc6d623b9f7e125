"""The shell scripts that run on hosts. Pure.

They require only what every Debian, Ubuntu, RHEL or SUSE host has: sh, coreutils, grep; and sudo if the user
is not root. Any login shell works, because it only starts `sh`.
"""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from kbootstrap.hosts import frame

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""sudo's `secure_path` lacks /usr/local/bin on RHEL and SUSE, where k3s is installed."""
MARK = "KBOOTSTRAP_RUN"
"""Environment variable that marks every process of one command, so that all can be found and terminated."""
HASH_LENGTH = 64
"""Characters of a SHA-256 in hexadecimal, sent after the file's bytes."""
_SMALL = 1024 * 1024
"""Bytes. For smaller files, free space is not checked in advance (root may use the reserve that `df` hides),
and `openssl` is not used for the checksum (it is seven times as fast as coreutils, if installed)."""


_STARTER = (
    'read -r size text && [ "${#text}" = "$size" ] && text=$(printf %b "$text") || exit 66; '
    f'echo "{frame.BEGIN} ${MARK}"; echo "{frame.BEGIN} ${MARK}" >&2; '
    'sh -c "$text"; status=$?; '
    f'echo "{frame.END} ${MARK} $status"; exit $status'
)
"""Reads a script from the first line of stdin, and runs it between two marks (`frame.py`); the script gets
the rest of stdin. `read` consumes no byte after the line. The text contains no character that a login shell
interprets inside single quotes: no quote, no backslash (fish), no `!` and no line break (tcsh)."""


_ESCAPES = {byte: f"\\0{byte:03o}" for byte in (*range(32), ord("\\"), *range(127, 256))}
"""Bytes that are escaped, in the notation of `printf %b`."""


def wrap(*, mark: str, deadline: float, sudo: bool) -> str:
    """Return the command line that runs a script with `sh` as root, until a few seconds after `deadline`.

    It is the same for every script and every login shell: the script is sent over stdin (`feed`). kbootstrap
    terminates commands when their deadline has passed; `timeout` does so if the connection is lost by then.
    The process group receives TERM, and KILL 5 s later.
    """
    line = f"env {MARK}={mark} timeout -k 5 {math.ceil(deadline) + 3} sh -c '{_STARTER}'"
    return f"sudo -n {line}" if sudo else line


def feed(command: str) -> bytes:
    """Return the first line of stdin for `wrap`: the length of the script, and the script in escaped form."""
    script = f"PATH={_PATH}\nLC_ALL=C\nexport PATH LC_ALL\n{command}"
    text = script.rstrip().encode().decode("latin-1").translate(_ESCAPES)
    return f"{len(text)} {text}\n".encode()


def end(mark: str, *, sudo: bool) -> str:
    """Return the command line that terminates all processes of the command with this mark, for any shell."""
    found = f'grep -lsz "^{MARK}={mark}$" /proc/[0-9]*/environ | cut -d/ -f3'
    line = f"sh -c 'for p in $({found}); do kill -TERM \"$p\"; done'"
    return f"sudo -n {line}" if sudo else line


@dataclass(frozen=True, slots=True)
class PutStatus:
    """Exit statuses of the script that receives a file."""

    NO_SPACE = 28
    NOT_WRITTEN = 29
    DAMAGED = 30


FREE = "kbootstrap-free-kib "
"""The script prints this and the number of free KiB to stderr when it cannot write the file."""

_RECEIVE = """\
free() {{ df -Pk "$dir" | {{ read -r _; read -r _ _ _ kib _; echo "{free}${{kib:-0}}" >&2; }}; }}
room() {{ df -Pk "$dir" | {{ read -r _; read -r _ _ _ kib _; [ "${{kib:-0}}" -ge {kib} ]; }}; }}
umask 022
dir={folder}
mkdir -p "$dir" || exit {not_written}
if [ -d {destination} ]; then echo {destination}" is a folder" >&2; exit {not_written}; fi
rm -f "$dir"/{temporary}.*
if {large} && ! room; then free; exit {no_space}; fi
tmp="$dir"/{temporary}.$$
trap 'rm -f "$tmp"' EXIT
trap 'trap "" HUP INT PIPE TERM; exit 143' HUP INT PIPE TERM
umask 077
if ! cat > "$tmp"; then free; exit {not_written}; fi
want=$(tail -c {length} "$tmp") && truncate -s {size} "$tmp" || exit {not_written}
have=$({{ {large} && openssl dgst -sha256 -r 2>/dev/null || sha256sum; }} < "$tmp") || exit {not_written}
[ "$want" = "${{have%% *}}" ] || exit {damaged}
chown 0:0 "$tmp" && chmod {mode:04o} "$tmp" && mv -f "$tmp" {destination} || exit {not_written}
"""


def receive(destination: str, *, size: int, mode: int) -> str:
    """Return the script that reads a file of `size` bytes and its SHA-256 from stdin, and writes it.

    The bytes are written to a temporary file beside the destination, which replaces the destination only if
    its checksum is correct. An interrupted transfer leaves nothing: the checksum is missing, and the
    temporary file is removed on exit. The next transfer to the same path removes leftovers of a killed shell.
    A signal may arrive twice, from kbootstrap and from `timeout`; the second must not terminate `rm`.
    """
    path = PurePosixPath(destination)
    return _RECEIVE.format(
        free=FREE,
        kib=math.ceil((size + HASH_LENGTH) / 1024),
        folder=shlex.quote(str(path.parent)),
        destination=shlex.quote(str(path)),
        temporary=shlex.quote(f".{path.name}.kbootstrap"),
        large="true" if size >= _SMALL else "false",
        length=HASH_LENGTH,
        size=size,
        mode=mode,
        no_space=PutStatus.NO_SPACE,
        not_written=PutStatus.NOT_WRITTEN,
        damaged=PutStatus.DAMAGED,
    )
