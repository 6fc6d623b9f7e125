"""What a machine's operating system waits for: updates and a reboot, as `observe/upkeep.sh` reports them."""

from __future__ import annotations

from dataclasses import dataclass

APT = "apt"
"""The package manager of Debian and Ubuntu, the only one that `maintain` works with."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The state of one machine's packages.

    `manager` is `apt`, empty where there is none. `reboot`: the machine says that it must be rebooted,
    because of `packages`. `updates` are installed packages with a security update, by the package lists on
    the machine as they were `age` seconds ago. It is None where they were not looked for, or are not known:
    then `unread` says why.
    """

    manager: str = ""
    reboot: bool = False
    packages: tuple[str, ...] = ()
    updates: tuple[str, ...] | None = None
    age: int = 0
    unread: str = ""

    @property
    def supported(self) -> bool:
        """Whether kbootstrap can update this machine, and knows whether it must be rebooted."""
        return self.manager == APT


NO_UPKEEP = Upkeep()
"""Of a machine of which nothing is known."""
