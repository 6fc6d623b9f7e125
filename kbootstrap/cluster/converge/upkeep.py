"""Updates and reboots of a machine's operating system: one script (`maintain.sh`), for Debian and Ubuntu."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kbootstrap.cluster.deadlines import COMMAND, LISTS, UPDATES, UPDATING
from kbootstrap.cluster.observe.answers import ask
from kbootstrap.cluster.observe.facts import read_upkeep
from kbootstrap.cluster.observe.upkeep_script import upkeep_functions
from kbootstrap.cluster.state.upkeep import Upkeep
from kbootstrap.core.errors import InstallFailed
from kbootstrap.hosts.model import Host
from kbootstrap.hosts.script import shell_script


@dataclass(frozen=True, slots=True)
class Found:
    """What a machine waits for; `boot` changes whenever it starts."""

    upkeep: Upkeep
    boot: str


async def look(host: Host, *, updates: bool) -> Found:
    """Return what a machine waits for; with `updates`, after it has fetched its package lists.

    Raises as `ask`, and `InstallFailed` (KB0866) where the lists cannot be fetched or read.
    """
    script = _script("look", ["yes"] if updates else [])
    found = await ask(host, script, deadline=LISTS + UPDATING, read=_read)
    if found.upkeep.unread:
        raise InstallFailed(
            f"{host.name}: whether there are updates is unknown: {found.upkeep.unread}",
            hint=f"nothing was changed there; see why: kbootstrap ssh {host.name} -- sudo apt-get update",
            code="KB0866",
            host=host.name,
        )
    return found


async def install(host: Host, packages: Sequence[str]) -> None:
    """Install the newest versions of installed packages, without removing any.

    Another installation is waited for. The machine goes on when the connection breaks. Raises as `Host.run`,
    and `InstallFailed` (KB0866) with the last lines of the package manager.
    """
    output = await host.run(_script("install", packages), deadline=UPDATES + UPDATING, check=False)
    if output.status != 0:
        raise InstallFailed(
            f"{host.name}: its updates could not be installed",
            hint="look at the package manager, and then run the same command again: "
            f"kbootstrap ssh {host.name} -- sudo apt-get --fix-broken install",
            detail=output.tail or None,
            code="KB0866",
            host=host.name,
        )


async def reboot(host: Host) -> None:
    """Have a machine reboot in a second."""
    await host.run(_script("reboot", []), deadline=COMMAND)


def _script(doing: str, packages: Sequence[str]) -> str:
    words = " ".join(packages)
    text = shell_script(
        __package__, "maintain.sh", doing=doing, packages=words, patience=UPDATING, longest=round(UPDATES)
    )
    return upkeep_functions() + text


def _read(said: str) -> Found:
    """Read what `look` printed; raises `ValueError` where it is cut."""
    lines = said.splitlines()
    if "begin kbootstrap-maintain" not in lines or "end kbootstrap-maintain" not in lines:
        raise ValueError("the answer is missing or cut")
    words = {kind: rest.strip() for kind, _, rest in (line.partition(" ") for line in lines)}
    return Found(read_upkeep(words), words.get("boot", ""))
