"""Runs the tests of RKE2 with the vendor's release: `make acceptance-rke2`, described in `rke2.md`.

It downloads nothing: without the vendor's files it prints what is missing, and exits with 2.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence

from kbootstrap.artifacts.source import machine
from tests.acceptance.download import VERSIONS
from tests.e2e.rke2.release import FOLDER, RkeRelease, Unusable, of

CHAPTERS = (
    "tests/e2e/rke2",
    "tests/e2e/test_both_distributions.py",
    "tests/e2e/test_air_gap.py",
    "tests/e2e/test_autoscaler.py",
)
HARDENED = "tests/e2e/test_hardened.py"
HINT = f"""\
{FOLDER} names a folder with the vendor's files of two versions, <folder>/<version>/<file>.
On a machine with internet this fills one ({" and ".join(VERSIONS)}):

    python -m tests.acceptance.download /srv/rke2
    make acceptance-rke2 {FOLDER}=/srv/rke2
"""


def command(release: RkeRelease, more: Sequence[str]) -> list[str]:
    """Return the command line of the tests for a release; `more` are further arguments of pytest.

    The same tests for k3s need none of the vendor's files.
    """
    places = [*CHAPTERS, HARDENED] if release.enforces else [*CHAPTERS]
    options = ["--full", "-v", "-rs", "--durations=0", "-k", "not k3s"]
    return [sys.executable, "-m", "pytest", *options, *places, *more]


def main(
    env: Mapping[str, str],
    more: Sequence[str],
    run: Callable[[str, list[str], Mapping[str, str]], object] = os.execve,
) -> int:
    """Run the tests in place of this process; return 2 where the vendor's files are missing."""
    try:
        release = of(env, machine.architecture())
    except Unusable as error:
        sys.stderr.write(f"{error}\n\n{HINT}")
        return 2
    if not release.vendor:
        sys.stderr.write(f"{FOLDER} is not set.\n\n{HINT}")
        return 2
    cni = release.cni or "canal"
    sys.stdout.write(f"RKE2 {release.old} and {release.new} with {cni}, from {release.folder}\n")
    sys.stdout.flush()
    argv = command(release, more)
    run(argv[0], argv, {**env, "CI": "true"})  # a missing part is a failure
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ, sys.argv[1:]))
