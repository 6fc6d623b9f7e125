"""Runs all measurements with many hosts, each in a process of its own.

python -m bench.scale
"""

from __future__ import annotations

import subprocess
import sys

_RUNS = (
    ("bench.scale.simulated", "--nodes", "500"),
    ("bench.scale.hosts", "--hosts", "100"),
    ("bench.scale.hosts", "--hosts", "500", "--whole"),
)


def main() -> int:
    """Run them; return the first exit code that is not 0."""
    for module, *arguments in _RUNS:
        done = subprocess.run([sys.executable, "-m", module, *arguments], check=False)
        if done.returncode != 0:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
