"""Finds the first program of a name on PATH that can be started and whose output identifies it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.process import Runner

_ANSWER = 30.0
"""Seconds for a program to print its version."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The program to use, None if none is usable; `unusable` has the reasons for rejecting earlier ones."""

    path: Path | None
    unusable: tuple[str, ...]


async def choose(runner: Runner, name: str, arguments: list[str], expected: str) -> Choice:
    """Return the first program called `name` whose output for `arguments` matches `expected`."""
    unusable: list[str] = []
    for place in runner.places(name):
        try:
            done = await runner.run([str(place), *arguments], deadline=_ANSWER, check=False)
        except KbootstrapError as error:
            unusable.append(error.message)
            continue
        if re.search(expected, done.stdout + done.stderr):
            return Choice(place, tuple(unusable))
        ended = f", and ended with exit status {done.status}" if done.status else ""
        unusable.append(
            f"the program {place} is not {name}: it does not answer `{arguments[0]}` as such{ended}"
        )
    return Choice(None, tuple(unusable))


async def kubectl(runner: Runner) -> Choice:
    """Find kubectl. kbootstrap itself does not need it."""
    return await choose(runner, "kubectl", ["version", "--client", "--output=json"], r'"clientVersion"')


async def openssh(runner: Runner) -> Choice:
    """Find the OpenSSH client; other SSH clients have different options."""
    return await choose(runner, "ssh", ["-V"], "OpenSSH")
