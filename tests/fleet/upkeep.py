"""Updates and reboots of machines of the fleet, as `maintain.sh` and `upkeep.sh` answer."""

from __future__ import annotations

import re
import shlex

from tests.fleet.machines import REBOOTS, REQUIRED, Machine
from tests.fleet.world import World


def maintain(world: World, machine: Machine, command: str) -> str:
    """Do what the script does. A machine reboots a second after the command."""
    found = re.search(r"^doing=(\w+)\npackages=(.*)$", command, re.MULTILINE)
    assert found
    names = shlex.split(found[2])[0].split()
    if found[1] == "install":
        machine.updates -= set(names)
        if REBOOTS in names:
            machine.put(REQUIRED, REBOOTS)
    elif found[1] == "reboot":
        world.later(1, "reboot", machine.name)
    lines = [*facts(machine, counted=bool(names)), f"boot {machine.booted}"]
    return "\n".join(["begin kbootstrap-maintain", *lines, "end kbootstrap-maintain", ""])


def facts(machine: Machine, *, counted: bool) -> list[str]:
    lines = ["package-manager apt"]
    if machine.has(REQUIRED):
        lines.append(f"reboot-required {machine.text(REQUIRED)}")
    if counted:
        lines.append(f"updates 60 {' '.join(sorted(machine.updates))}")
    return lines
