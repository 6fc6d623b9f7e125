"""The shell functions of `upkeep.sh`, for scripts of other packages."""

from __future__ import annotations

from kbootstrap.hosts.script import shell_script


def upkeep_functions() -> str:
    """Return the text that defines `upkeep`."""
    return shell_script(__package__, "upkeep.sh")
