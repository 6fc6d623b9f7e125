"""Programs that the drivers call."""

import subprocess


class CommandFailed(Exception):
    """A program ended with a status other than 0; says which, and what it printed."""


def run(*argv: str, check: bool = True) -> str:
    """Run a program and return what it printed. Raises `CommandFailed` if it fails and `check` is set."""
    done = subprocess.run(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    if check and done.returncode:
        raise CommandFailed(f"{' '.join(argv)}: {done.stdout.strip()}")
    return done.stdout


def ip(*words: str, check: bool = True) -> str:
    """Call ip(8)."""
    return run("ip", *words, check=check)
