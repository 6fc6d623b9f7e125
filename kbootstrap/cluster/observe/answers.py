"""Asks a node for facts: one script, one round trip, and an error for an answer that makes no sense."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kbootstrap.core.errors import InstallFailed
from kbootstrap.hosts.model import Host

T = TypeVar("T")


async def ask(host: Host, script: str, *, deadline: float, read: Callable[[str], T]) -> T:
    """Run the script and return what `read` makes of its output.

    Raises as `Host.run`, and `InstallFailed` (KB0801) if the output is cut or `read` raises `ValueError`.
    """
    output = await host.run(script, deadline=deadline, check=False)
    try:
        if output.cut:
            raise ValueError("its facts are longer than anything that makes sense")
        return read(output.stdout)
    except ValueError as error:
        raise InstallFailed(
            f"{host.name} does not answer as expected: {error}",
            hint="log in and look whether the shell, the disk and /etc/profile are in order",
            detail=output.tail or None,
            code="KB0801",
            host=host.name,
        ) from error
