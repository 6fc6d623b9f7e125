"""Measures the processor time of `kbootstrap --help`; the ratio compares with a Python that does nothing.

    python -m bench.help [--runs 20]

The fastest run counts: what others do on the machine only makes it slower.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from bench.results import keep

AIM = 0.06
"""Seconds of processor."""


def processor(command: Sequence[str]) -> float:
    """Return the seconds of processor that a command takes, user and system."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {child.returncode}")
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure, keep and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    commands = {
        "floor": [sys.executable, "-c", "pass"],
        "help": [sys.executable, "-m", "kbootstrap", "--help"],
    }
    best = {name: min(processor(command) for _ in range(options.runs)) for name, command in commands.items()}
    figures = {name: round(seconds, 3) for name, seconds in best.items()}
    keep(
        "help",
        {"processor": figures, "aim": AIM, "met": best["help"] <= AIM},
        {"help": best["help"] / best["floor"]},
    )


if __name__ == "__main__":
    main()
