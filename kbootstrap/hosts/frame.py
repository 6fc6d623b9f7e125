"""Extracts a command's output from between two marks, without output of the login shell's start files. Pure.

    *** welcome ***                         from ~/.bashrc, /etc/profile.d, a ForceCommand
    kbootstrap-begin 5f0c…                  the command starts; on stdout and on stderr
    …                                       its output, byte for byte
    kbootstrap-end 5f0c… 0                  it has ended, with this status; on stdout

The mark is random, so no output contains it by accident.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kbootstrap.hosts.model import Output
from kbootstrap.hosts.output import Bounded

BEGIN = "kbootstrap-begin"
END = "kbootstrap-end"


@dataclass(frozen=True, slots=True)
class Framed:
    """The data received on a command's channels.

    `output` is the command's own output if it `started`, else everything, which contains the reason. `ended`:
    the end mark was received; without it the output may be truncated.
    """

    output: Output
    started: bool
    ended: bool


def unframe(stdout: Bounded, stderr: Bounded, *, mark: str, status: int) -> Framed:
    """Extract the command's own output from both channels; `status` is the login shell's exit status."""
    out, err = stdout.text, stderr.text
    _, begun, said = out.partition(f"{BEGIN} {mark}\n")
    if not begun:
        return Framed(Output(status, out, err), started=False, ended=False)
    said, ended, rest = said.rpartition(f"{END} {mark} ")
    found = re.match(r"(\d+)\n", rest)
    if not ended or not found:
        said, ended = said + ended + rest, ""
    errors = err.partition(f"{BEGIN} {mark}\n")
    return Framed(
        Output(
            int(found[1]) if found and ended else status,
            said,
            errors[2] if errors[1] else err,
            cut=bool(stdout.dropped),
        ),
        started=True,
        ended=bool(ended),
    )
