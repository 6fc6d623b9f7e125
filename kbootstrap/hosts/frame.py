"""A command's output between two marks: what the login shell and its start files print is left out. Pure.

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
    """What came over a command's channels.

    `output` is the command's own where it `started`, else everything: the reason stands there. `ended`: its
    end was seen; without it the output may be cut.
    """

    output: Output
    started: bool
    ended: bool


def unframe(stdout: Bounded, stderr: Bounded, *, mark: str, status: int) -> Framed:
    """Cut the command's own output out of both channels; `status` is what the login shell returned."""
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
